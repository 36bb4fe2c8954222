"""`neuroquant decode MODEL TOKENS ...`: tokens back into scans."""

import argparse
from pathlib import Path

from neuroquant.commands.device import add_device


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "decode",
        help="decode tokens to scans",
        description="Writes a NIfTI file for every entry, on the grid and in the intensities of its scan. Reads files "
        "of `neuroquant encode` and the workflow's latents.",
    )
    parser.add_argument("model", help="the model that made the tokens: its folder or name, or owner/name on the hub")
    parser.add_argument(
        "tokens", type=Path, nargs="+", help="files of `neuroquant encode`, or results/*/latents/*/*/*.h5"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the images")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the images and say where."""
    from neuroquant.files import file_name, require_writable
    from neuroquant.tokenizer import Tokenizer, read_tokens
    from neuroquant.volumes.restore import refuse_twins, write_image

    tokenizer = Tokenizer.from_pretrained(arguments.model, device=arguments.device)
    found = [(str(path), tokens) for path in arguments.tokens for tokens in read_tokens(path)]
    names = [file_name(path, *tokens.parts) for path, tokens in found]
    refuse_twins([path for path, _ in found], names)
    require_writable(arguments.out)
    for name, (_, tokens) in zip(names, found, strict=True):
        print(write_image(tokenizer.decode(tokens), arguments.out / f"{name}.nii.gz"))
    return 0
