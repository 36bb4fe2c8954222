"""Names that all forms of a table share."""

METRIC_NAMES = {"psnr": "PSNR", "ssim": "SSIM", "accuracy": "Accuracy", "dice": "Dice"}
EXACT = "exact"
"""What stands for the infinite PSNR of an exact copy."""
