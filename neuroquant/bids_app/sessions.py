"""The sessions of a BIDS data set that a run is to look at, each with the files that are used or why it has none."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from neuroquant.bids_app.options import Options
from neuroquant.cohorts.index import find_scan_fault, find_sessions
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.shared_masks import own_mask
from neuroquant.cohorts.source import Source
from neuroquant.config.cohort import Cohort
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.tables import BESIDE_SCANS


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """A session of the data set.

    Attributes
    ----------
    subject, session : labels without `sub-` and `ses-`; the session may be empty
    scans : modality -> path below the root
    mask : a brain mask below the root; empty where there is none
    fault : why it can't be used, and the file at fault; empty where it can
    """

    subject: str
    session: str
    scans: dict[str, str] = field(default_factory=dict)
    mask: str = ""
    fault: str = ""

    @property
    def name(self) -> str:
        """What it is called: sub-01, or sub-01_ses-02."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def files(self) -> list[str]:
        """All that is read."""
        return [*self.scans.values(), *([self.mask] if self.mask else [])]


def sessions_of(options: Options, modalities: tuple[str, ...], volume: Volume) -> list[SessionFiles]:
    """The sessions that are asked for, sorted; brain masks of other programs' derivatives are used.

    Raises
    ------
    InputError
        If a label that was asked for isn't in the data set, or no session of it has a scan.
    """
    cohort = Cohort(name="dataset", root=str(options.bids_dir), require="any")
    source = Source(cohort, options.bids_dir, modalities, volume.registration_target, volume.registration != "off")
    options.work_dir.mkdir(parents=True, exist_ok=True)
    inventory = options.work_dir / "inventory.tsv"
    refresh_inventory(source, inventory)
    found = []
    for (subject, session), files in sorted(find_sessions(source, inventory).items()):
        files = own_mask(source, session, files)
        reason, file = find_scan_fault(source, files)
        paths = {kind: path for kind, (path, _) in files.items()}
        scans = {kind: path for kind, path in paths.items() if kind in modalities}
        fault = f"{reason} ({file})" if reason else ""
        labels = subject.removeprefix("sub-"), session.removeprefix("ses-")
        found.append(SessionFiles(*labels, scans, paths.get(BESIDE_SCANS[0], ""), fault))
    return _chosen(options, found, modalities)


def _chosen(options: Options, found: list[SessionFiles], modalities: tuple[str, ...]) -> list[SessionFiles]:
    """Those with the labels that were asked for."""
    subjects = {path.name.removeprefix("sub-") for path in options.bids_dir.glob("sub-*") if path.is_dir()}
    _require("--participant-label", options.subjects, subjects)
    chosen = [one for one in found if not options.subjects or one.subject in options.subjects]
    _require("--session-label", options.sessions, {one.session for one in chosen})
    chosen = [one for one in chosen if not options.sessions or one.session in options.sessions]
    if not any(one.scans for one in found):
        raise InputError(
            str(options.bids_dir), f"no {' or '.join(modalities)} scan in it",
            f"scans of the model's modalities ({', '.join(modalities)}), sub-*/[ses-*/]anat/*.nii.gz",
            "take a model that was trained with the modalities of the data set, or look at the names of its files",
        )  # fmt: skip
    return chosen


def _require(option: str, wanted: Iterable[str], known: set[str]) -> None:
    missing = [label for label in wanted if label not in known]
    if missing:
        names = sorted(filter(None, known))
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise InputError(
            f"{option} {' '.join(missing)}", "no such label in the data set",
            f"one of its {len(names)}: {shown}" if names else "no option: the data set has none",
            "correct the label",
        )  # fmt: skip
