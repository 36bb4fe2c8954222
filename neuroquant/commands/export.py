"""`neuroquant export MODEL --out FOLDER`: a trained model with its card, for others."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help="copy a trained model with its card, or upload it to the Hugging Face Hub",
        description="Copies the files of a model folder that others need: weights (byte for byte), configuration, "
        "provenance and model card. A folder without a card gets one, without scores. With --push the copy is "
        "uploaded, to a private repository unless --public is given.",
    )
    parser.add_argument("model", help="results/*/models/<model>, a shipped model, or owner/name on the hub")
    parser.add_argument("--out", type=Path, help="folder that receives the copy")
    parser.add_argument("--licence", default="", help="licence of the weights, as named on the hub, e.g. cc-by-4.0")
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload to this repository of the hub")
    parser.add_argument("--public", action="store_true", help="make a newly created repository public")


def run(arguments: argparse.Namespace) -> int:
    """Copy, upload, and say where."""
    from neuroquant.errors import InputError
    from neuroquant.tokenizer import Tokenizer

    if not arguments.out and not arguments.push:
        raise InputError("neuroquant export", "neither --out nor --push", "where the model goes", "add --out FOLDER")
    tokenizer = Tokenizer.from_pretrained(arguments.model, device="cpu")
    if arguments.out:
        print(tokenizer.save_pretrained(arguments.out, licence=arguments.licence))
    if arguments.push:
        upload = {"private": not arguments.public, "licence": arguments.licence}
        print(tokenizer.push_to_hub(arguments.push, **upload))
    return 0
