"""`neuroquant encode MODEL SCAN ...`: scans into a trained model's tokens."""

import argparse
import sys
from pathlib import Path

from neuroquant.commands.device import add_device
from neuroquant.errors import InputError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "encode",
        help="encode scans as tokens with a trained model",
        description="Writes <name>.h5 for every scan, with its latents and their position in the scan. Scans are "
        "prepared like the model's training images.",
    )
    parser.add_argument("model", help="results/*/models/<model>, a shipped model, or owner/name on the hub")
    parser.add_argument("scans", type=Path, nargs="+", help="NIfTI, raw heads or skull-stripped")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the tokens")
    parser.add_argument("--modality", help="modality of the scans; by default the suffix of each file name")
    parser.add_argument("--mask", type=Path, help="brain mask, on the grid of all scans")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the tokens and say where; a scan that can't be used doesn't stop the others."""
    from neuroquant.datasets import require_apart
    from neuroquant.files import require_writable
    from neuroquant.tokenizer import Tokenizer, stem_of
    from neuroquant.volumes.restore import refuse_twins

    refuse_twins([str(path) for path in arguments.scans], [stem_of(path) for path in arguments.scans])
    require_apart(arguments.out, arguments.scans)
    tokenizer, wrong = Tokenizer.from_pretrained(arguments.model, device=arguments.device), 0
    require_writable(arguments.out)
    found = tokenizer.encode_each(arguments.scans, arguments.modality, arguments.mask, errors="collect")
    for scan, tokens in zip(arguments.scans, found, strict=True):
        if isinstance(tokens, InputError):
            wrong += 1
            print(tokens, file=sys.stderr)
            continue
        path = arguments.out / f"{stem_of(scan)}.h5"
        tokens.save(path)
        print(path)
    return 1 if wrong else 0
