"""Names of the columns of every table that passes between stages, and of entries that are no model."""

REFERENCE = "reference"
"""Entry of segmentations and volumes: the originals."""
