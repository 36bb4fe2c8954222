"""Names that all forms of a table share."""

EXACT = "exact"
"""What stands for the infinite PSNR of an exact copy."""
