"""Classifiers trained on frozen latents."""
