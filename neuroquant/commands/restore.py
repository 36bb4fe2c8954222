"""`neuroquant restore SHARD`: images of a shard as NIfTI on the grids of their scans."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "restore",
        help="write reconstructions (or volumes, or segmentations) as NIfTI on the scans' own grids",
        description="Every image of a shard becomes <subject>[_<session>]_<modality>.nii.gz with the grid, orientation "
        "and intensities of its scan. Cropping and padding are undone exactly. If a scan was resampled or "
        "registered, the image is interpolated back.",
    )
    parser.add_argument("shard", type=Path, help="results/*/reconstructions/*/*/*.h5, volumes/*/*.h5 or segmentations")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the images")
    parser.add_argument(
        "--volumes", type=Path, help="shard of the volumes, for the brain masks; without it, -1 is background"
    )
    parser.add_argument("--subject", help="only this subject")
    parser.add_argument(
        "--bids",
        action="store_true",
        help="write BIDS derivatives: sub-*/[ses-*/]anat/*_desc-recon_<modality>.nii.gz with sidecars, and brain "
        "masks. The shard must be where the workflow wrote it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the images and say where."""
    if arguments.bids:
        from neuroquant.derivatives.shards import restore_as_bids as write
    else:
        from neuroquant.volumes.restore import restore_shard as write

    written = write(arguments.shard, arguments.out, arguments.volumes, arguments.subject)
    for path in written:
        print(path)
    return 0
