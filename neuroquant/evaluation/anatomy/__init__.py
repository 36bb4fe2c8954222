"""Segmentations of originals and reconstructions, and what they have in common."""
