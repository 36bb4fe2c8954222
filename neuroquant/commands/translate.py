"""`neuroquant translate MODEL SCAN --like OTHER`: one scan's anatomy with the appearance of another modality."""

import argparse
from pathlib import Path

from neuroquant.commands.device import add_device


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "translate",
        help="synthesise one scan in the appearance of another modality",
        description="Writes the anatomy of SCAN, on its grid, with the modality, appearance and range of intensities "
        "of LIKE (equation 13 of the paper). LIKE may be a scan of any subject.",
    )
    parser.add_argument("model", help="a model with modality FiLM: folder, shipped model, or owner/name on the hub")
    parser.add_argument("scan", type=Path, help="NIfTI, a raw head or skull-stripped")
    parser.add_argument("--like", type=Path, required=True, help="the scan that gives the appearance")
    parser.add_argument("--out", type=Path, required=True, help="the NIfTI file to write")
    for prefix, scan in (("", "SCAN"), ("like-", "LIKE")):
        parser.add_argument(f"--{prefix}modality", help=f"modality of {scan}; by default the suffix of its file name")
        parser.add_argument(f"--{prefix}mask", type=Path, help=f"brain mask of {scan}")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the image and say where."""
    from neuroquant.datasets import require_apart
    from neuroquant.files import require_writable
    from neuroquant.tokenizer import Tokenizer
    from neuroquant.volumes.restore import refuse_foreign, require_nifti_name, write_image

    require_nifti_name(arguments.out)
    require_apart(arguments.out.parent, [arguments.scan, arguments.like])
    require_writable(arguments.out.parent)
    refuse_foreign(arguments.out)
    tokenizer = Tokenizer.from_pretrained(arguments.model, device=arguments.device)
    tokens = tokenizer.encode(arguments.scan, arguments.modality, arguments.mask)
    like = tokenizer.encode(arguments.like, arguments.like_modality, arguments.like_mask)
    print(write_image(tokenizer.translate(tokens, like), arguments.out))
    return 0
