"""Why a file or a folder of a cohort isn't looked at, by its place and its name, and what to do."""

import re

from neuroquant.cohorts.layouts import NII, layout_of
from neuroquant.config.cohort import Cohort

OTHER_DATA = {
    "func", "dwi", "fmap", "perf", "eeg", "ieeg", "meg", "pet", "beh", "micr", "nirs", "motion", "mrs"
}  # fmt: skip
"""BIDS's folders of what isn't anatomy."""
BESIDE = {"sourcedata", "rawdata", "code", "stimuli", "phenotype", "logs"}
"""BIDS's folders beside the subjects'."""


def why_file(cohort: Cohort, path: str) -> str:
    """Why a scan-like file in a folder that is opened wasn't taken for a scan, and what to do."""
    name = path.rpartition("/")[2]
    if name.startswith("."):
        return "a hidden file (macOS writes ._ files): nothing to do"
    if cohort.layout == "table":
        return "not named in the table of paths: add it to a row, or leave it"
    if cohort.layout == "custom":
        return "no path in `files` names it: correct `files`, or leave it"
    if not re.search(rf"{NII}$", name):
        if re.search(rf"(?i){NII}$", name):
            return "its suffix isn't in lower case: rename it (.nii.gz)"
        return f"in a format that isn't read (.{name.partition('.')[2]}): convert it to .nii.gz (mri_convert, dcm2niix)"
    if path.startswith("derivatives/"):
        return "below derivatives, neither brain mask nor label map: nothing to do, or name that data set as `root`"
    contrast = re.fullmatch(rf"sub-[A-Za-z0-9]+_(?:.*_)?([A-Za-z0-9]+){NII}", name)
    if contrast and contrast[1] in ("mask", "dseg", "probseg"):
        return "another mask or label map than of the brain (desc-brain_mask, desc-aseg_dseg): nothing to do"
    if contrast and contrast[1].lower() not in ("t1w", "t2w", "t1", "t2"):
        return f"of another kind than T1w and T2w ({contrast[1]}): nothing to do"
    return f"not named as the layout {cohort.layout} has it: rename it, or set another `layout` (custom, table)"


def why_folder(cohort: Cohort, path: str, held: int) -> str:
    """Why a folder wasn't opened, and what to do; empty for one that nobody would look for scans in.

    Parameters
    ----------
    held : scan-like files in and below it; -1 where it can't be read.
    """
    parts = path.split("/")
    if held < 0:
        return "a folder that can't be read: give yourself the right to (chmod u+rx)"
    if cohort.layout in ("custom", "table"):
        where = "`files`" if cohort.layout == "custom" else "the table of paths"
        return f"in a folder that nothing in {where} names: add it there, or leave it" if held else ""
    if parts[0] == "derivatives":
        return "below derivatives, where only anat folders are opened: nothing to do" if held else ""
    if len(parts) > 1:
        if parts[-1] in OTHER_DATA:
            return "in a folder of other data than anatomy (func, dwi, ...): nothing to do" if held else ""
        remedy = "rename it (ses-<letters and digits>, anat)" if cohort.layout != "ncanda" else "move its scans up"
        return f"in a folder that the layout {cohort.layout} doesn't open: {remedy}" if held else ""
    if path in BESIDE:
        return "in a folder beside the subjects' (sourcedata, ...): nothing to do, or name it as `root`" if held else ""
    if held or re.search(r"\d", path):
        pattern = layout_of(cohort).subject
        return f"a folder that isn't named as a subject's ({pattern}): rename it, or set another `layout`"
    return ""
