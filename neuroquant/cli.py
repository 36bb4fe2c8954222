"""The command line: look at cohorts, plan runs, use trained models; everything else is the workflow's."""

import argparse
import io
import sys
import warnings
from pathlib import Path

from neuroquant.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status. What a user must read goes to standard error without a stack."""
    parser = argparse.ArgumentParser(prog="neuroquant", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_validate(commands)
    add_plan(commands)
    add_restore(commands)
    add_encode(commands)
    add_decode(commands)
    add_translate(commands)
    chosen = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may have bytes that aren't UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell
            return chosen.run(chosen)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1


def _tell(message: Warning | str, *_: object) -> None:
    """Show a warning as a user must read it: without the line of code that gave it."""
    print(f"note: {message}", file=sys.stderr)


def add_validate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant validate CONFIG`."""
    parser = commands.add_parser(
        "validate",
        help="look at the cohorts of an experiment without running anything",
        description="Opens every header of every cohort that an experiment reads, and prints who would be in and who "
        "out and why, what wasn't looked at, sex, visits, shapes and voxel sizes. Writes nothing. Exit status 1 where "
        "a cohort can't be used, nobody is in, or the split can't be made.",
    )
    parser.add_argument("config", type=Path, help="an experiment's YAML")
    parser.add_argument(
        "--excluded", action="store_true", help="list every session that would be left out, and what wasn't looked at"
    )
    parser.set_defaults(run=validate)


def validate(chosen: argparse.Namespace) -> int:
    """Print the summary of every cohort that isn't made by the workflow itself."""
    from neuroquant.cohorts.source import Source
    from neuroquant.cohorts.validate import summary
    from neuroquant.config.load import load_experiment
    from neuroquant.synthetic.recipes import check_recipes

    experiment = load_experiment(chosen.config, Path(__file__).parents[1] / "config")
    wrong = 0
    for cohort in experiment.cohorts:
        try:
            if cohort.synthetic:
                check_recipes(experiment.modalities, f"cohort {cohort.name}")
                subjects = cohort.synthetic.subjects
                print(f"{cohort.shown}: a synthetic cohort of {subjects} subjects, made by the workflow\n")
                continue
            text, faults = summary(Source.of(experiment, cohort.name), experiment.split, chosen.excluded)
            wrong += bool(faults)
            print(text)
        except InputError as error:  # the other cohorts are looked at all the same
            wrong += 1
            print(error, file=sys.stderr)
    return 1 if wrong else 0


def add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant plan CONFIG`."""
    parser = commands.add_parser(
        "plan",
        help="say what a run would ask of a cluster, what it costs and what can't work, before anything is submitted",
        description="Jobs by rule, hours and GPU-hours from recorded rates (each with its source), disk; and with "
        "--profile what the profile asks for that the site doesn't have. Nothing is submitted, no job runs. Exit "
        "status 1 where something can't work. Run it from the folder that holds, or will hold, `results`.",
    )
    parser.add_argument("config", type=Path, help="an experiment's YAML")
    parser.add_argument("--profile", help="folder of the profile, e.g. slurm; without it no site is looked at")
    parser.set_defaults(run=show_plan)


def show_plan(chosen: argparse.Namespace) -> int:
    """Print the plan; what can't work goes to standard error."""
    from neuroquant.cluster.plan import plan

    text, found = plan(chosen.config, chosen.profile)
    print(text)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def add_restore(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant restore SHARD`."""
    parser = commands.add_parser(
        "restore",
        help="write reconstructions (or volumes, or segmentations) as NIfTI on the scans' own grids",
        description="Every image of a shard becomes <subject>[_<session>]_<modality>.nii.gz with the grid, orientation "
        "and intensities of its scan. Cutting out and padding are undone exactly; where a scan was resampled or "
        "registered, the image is interpolated back.",
    )
    parser.add_argument("shard", type=Path, help="results/*/reconstructions/*/*/*.h5, volumes/*/*.h5 or segmentations")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the images")
    parser.add_argument("--volumes", type=Path, help="the shard of volumes, for its brain masks; else -1 is background")
    parser.add_argument("--subject", help="this subject alone")
    parser.set_defaults(run=restore)


def restore(chosen: argparse.Namespace) -> int:
    """Write the images and say where."""
    from neuroquant.volumes.restore import restore_shard

    written = restore_shard(chosen.shard, chosen.out, chosen.volumes, chosen.subject)
    for path in written:
        print(path)
    return 0


def add_encode(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant encode MODEL SCAN ...`."""
    parser = commands.add_parser(
        "encode",
        help="turn scans into a trained model's tokens",
        description="Every scan becomes <name>.h5: its latents, and where they lie in the scan. The scan is prepared "
        "as the model's training images were.",
    )
    parser.add_argument("model", type=Path, help="results/*/models/<model>")
    parser.add_argument("scans", type=Path, nargs="+", help="NIfTI, raw heads or skull-stripped")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the tokens")
    parser.add_argument("--modality", help="one of the model's; by default what a name ends with")
    parser.add_argument("--mask", type=Path, help="the brain, on the grid of each of the scans")
    _add_device(parser)
    parser.set_defaults(run=encode)


def encode(chosen: argparse.Namespace) -> int:
    """Write the tokens and say where; a scan that can't be used doesn't stop the others."""
    from neuroquant.files import require_apart, require_writable
    from neuroquant.tokenizer import Tokenizer, stem_of
    from neuroquant.volumes.restore import refuse_twins

    refuse_twins([str(path) for path in chosen.scans], [stem_of(path) for path in chosen.scans])
    require_apart(chosen.out, chosen.scans)
    tokenizer, wrong = Tokenizer(chosen.model, chosen.device), 0
    require_writable(chosen.out)
    for scan in chosen.scans:
        try:
            tokens = tokenizer.encode(scan, chosen.modality, chosen.mask)
        except InputError as error:
            wrong += 1
            print(error, file=sys.stderr)
            continue
        path = chosen.out / f"{stem_of(scan)}.h5"
        tokens.save(path)
        print(path)
    return 1 if wrong else 0


def add_decode(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant decode MODEL TOKENS ...`."""
    parser = commands.add_parser(
        "decode",
        help="turn tokens back into scans",
        description="Every row of the files becomes a NIfTI on the grid and in the intensities of its scan. Takes what "
        "`neuroquant encode` wrote, and the workflow's latents.",
    )
    parser.add_argument("model", type=Path, help="the model that made the tokens")
    parser.add_argument(
        "tokens", type=Path, nargs="+", help=".h5 of `neuroquant encode`, or results/*/latents/*/*/*.h5"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the images")
    _add_device(parser)
    parser.set_defaults(run=decode)


def decode(chosen: argparse.Namespace) -> int:
    """Write the images and say where."""
    from neuroquant.files import file_name, require_writable
    from neuroquant.tokenizer import Tokenizer, read_tokens
    from neuroquant.volumes.restore import refuse_twins, write_image

    tokenizer = Tokenizer(chosen.model, chosen.device)
    found = [(str(path), tokens) for path in chosen.tokens for tokens in read_tokens(path)]
    names = [file_name(path, *tokens.parts) for path, tokens in found]
    refuse_twins([path for path, _ in found], names)
    require_writable(chosen.out)
    for name, (_, tokens) in zip(names, found, strict=True):
        print(write_image(tokenizer.decode(tokens), chosen.out / f"{name}.nii.gz"))
    return 0


def add_translate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant translate MODEL SCAN --like OTHER`."""
    parser = commands.add_parser(
        "translate",
        help="give one scan's anatomy the appearance of another modality",
        description="Writes the first scan's anatomy, on its grid, as the second scan's modality, appearance and range "
        "of intensities (equation 13 of the paper). The second may be any subject's.",
    )
    parser.add_argument("model", type=Path, help="results/*/models/<model>, a model with modality FiLM")
    parser.add_argument("scan", type=Path, help="NIfTI, a raw head or skull-stripped")
    parser.add_argument("--like", type=Path, required=True, help="the scan whose appearance it gets")
    parser.add_argument("--out", type=Path, required=True, help="the NIfTI to write")
    for name, whose in (("", "the scan's"), ("like-", "the other one's")):
        parser.add_argument(f"--{name}modality", help=f"{whose}, one of the model's; by default by its name")
        parser.add_argument(f"--{name}mask", type=Path, help=f"{whose} brain")
    _add_device(parser)
    parser.set_defaults(run=translate)


def translate(chosen: argparse.Namespace) -> int:
    """Write the image and say where."""
    from neuroquant.files import require_apart, require_writable
    from neuroquant.tokenizer import Tokenizer
    from neuroquant.volumes.restore import refuse_foreign, require_nifti_name, write_image

    require_nifti_name(chosen.out)
    require_apart(chosen.out.parent, [chosen.scan, chosen.like])
    require_writable(chosen.out.parent)
    refuse_foreign(chosen.out)
    tokenizer = Tokenizer(chosen.model, chosen.device)
    tokens = tokenizer.encode(chosen.scan, chosen.modality, chosen.mask)
    like = tokenizer.encode(chosen.like, chosen.like_modality, chosen.like_mask)
    print(write_image(tokenizer.translate(tokens, like), chosen.out))
    return 0


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="auto: a GPU where there is one"
    )


if __name__ == "__main__":
    sys.exit(main())
