"""Scores: fidelity, anatomy, latents and what they know, and the statistics behind every interval."""
