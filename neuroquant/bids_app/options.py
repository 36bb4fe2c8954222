"""Arguments of `neuroquant bids`, named as fMRIPrep names its own."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from neuroquant import __version__
from neuroquant.shipped import own_folder

DESCRIPTION = (
    "Runs a trained model as a BIDS-App. participant: every session of a BIDS data set is prepared like the model's "
    "training images, encoded and decoded, and written as BIDS derivatives, with a page per subject. group: writes a "
    "table and a page of all subjects. Finished sessions are skipped. Exit status 0 if all sessions are finished, 1 if "
    "a session failed, 2 if the arguments can't be used."
)
LEVELS = ("participant", "group")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was asked for.

    Attributes
    ----------
    bids_dir, output_dir : the data set, and where its derivatives go
    level : participant or group
    model : the model folder; None at the group level
    subjects, sessions : labels without `sub-` and `ses-`; empty for all
    like : scans whose appearance a modality gets that a session lacks
    validate : whether the BIDS validator looks at the data set, where it is installed
    threads : for the network and for registration
    work_dir : for temporary files, and for pictures until the pages are written
    device : auto, cpu or cuda
    """

    bids_dir: Path
    output_dir: Path
    level: str
    model: Path | None
    subjects: tuple[str, ...]
    sessions: tuple[str, ...]
    like: tuple[Path, ...]
    validate: bool
    threads: int
    work_dir: Path
    device: str

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Options":
        """From the parsed arguments."""
        output = arguments.output_dir.absolute()
        return cls(
            bids_dir=arguments.bids_dir.absolute(),
            output_dir=output,
            level=arguments.analysis_level,
            model=arguments.model and own_folder(arguments.model),
            subjects=tuple(arguments.participant_label or ()),
            sessions=tuple(arguments.session_label or ()),
            like=tuple(arguments.like or ()),
            validate=not arguments.skip_bids_validation,
            threads=arguments.nprocs,
            work_dir=(arguments.work_dir or output / "work").absolute(),
            device=arguments.device,
        )

    def asks_for(self, subject: str, session: str) -> bool:
        """Whether a session, by its labels, is one of those that are asked for."""
        return (not self.subjects or subject in self.subjects) and (not self.sessions or session in self.sessions)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all arguments to a parser."""
    parser.add_argument("bids_dir", type=Path, help="the root folder of a BIDS data set (sub-* folders at its top)")
    parser.add_argument("output_dir", type=Path, help="the folder that receives the derivatives")
    parser.add_argument("analysis_level", choices=LEVELS, help="participant first, group when all are done")
    parser.add_argument(
        "--model", type=Path, help="model folder, or the name of a shipped model, e.g. synth-coarse; participant level"
    )
    parser.add_argument(
        "--participant-label", "--participant_label", nargs="+", type=_label, metavar="LABEL",
        help="only these subjects (the sub- prefix can be omitted)",
    )  # fmt: skip
    parser.add_argument(
        "--session-label", "--session_label", nargs="+", type=_label, metavar="LABEL",
        help="only these sessions (the ses- prefix can be omitted)",
    )  # fmt: skip
    parser.add_argument(
        "--like", nargs="+", type=Path, metavar="SCAN",
        help="one scan per modality, of any subject: for sessions that lack this modality, an image with the scan's "
        "appearance is synthesised (only with models that separate anatomy from appearance)",
    )  # fmt: skip
    parser.add_argument(
        "--skip-bids-validation", "--skip_bids_validation", action="store_true",
        help="skip the BIDS validator",
    )  # fmt: skip
    parser.add_argument(
        "--nprocs", "--nthreads", "--n-cpus", "--n_cpus", dest="nprocs", type=_positive, default=1, metavar="N",
        help="threads (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "-w", "--work-dir", "--work_dir", type=Path, metavar="DIR",
        help="folder for intermediate files (default OUTPUT_DIR/work); kept between runs, so that pages can be redrawn",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="auto: a GPU if there is one")
    parser.add_argument("--version", action="version", version=f"NeuroQuant v{__version__}")


def _label(value: str) -> str:
    return value.removeprefix("sub-").removeprefix("ses-")


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
