"""What BIDS calls images of anatomy."""

SUFFIXES = (
    "T1w", "T2w", "PDw", "T2starw", "FLAIR", "inplaneT1", "inplaneT2", "PDT2", "angio", "T2star", "FLASH", "PD",
    "T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap", "MTRmap", "MTsat", "UNIT1",
)  # fmt: skip
"""Suffixes of anatomical images that BIDS has, of derivatives too; any other goes into .bidsignore."""
