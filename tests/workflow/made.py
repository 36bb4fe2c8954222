"""Made scans and tables in the layout of each cohort file that is shipped, and an experiment on all of them."""

import copy
import shutil
from pathlib import Path

import pandas as pd
import yaml

from neuroquant.config.cohort import Cohort
from neuroquant.files import read_tsv
from neuroquant.synthetic.bids import write_cohort
from tests.workflow.run import ROOT, TINY

FOLDERS = {name: f"{name}_ROOT" for name in ("NCANDA", "ABCD", "IXI", "HCP")}
"""Environment variables that the shipped files name, and the folder that the test gives each."""
SUBJECTS = 8


def shipped() -> dict[str, dict]:
    """Every file of config/cohorts as it is read, by its name."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "config/cohorts").glob("*.yaml"))}


def write_as(name: str, raw: dict, folder: Path, times: int = 1) -> None:
    """Write scans and tables of one shipped cohort below `folder/<its variable>`; a synthetic one makes its own.

    Parameters
    ----------
    name : its file's name, from which its scans' seed follows, so that no two cohorts share an image.
    raw : what the file says, with `$NAME_ROOT` in place of folders.
    folder : where the variables' folders are.
    times : how many subjects get each scan, for what never looks into one.
    """
    if "synthetic" in raw:
        return
    made = folder / "made" / name
    recipe = {"subjects": SUBJECTS, "visits_max": 1, "voxel_mm": 7.0, "seed": sum(map(ord, name))}
    write_cohort(Cohort(name=name, synthetic=recipe), made)
    root = folder / raw["root"].removeprefix("$")
    people = pd.concat([read_tsv(made / "participants.tsv")] * times, ignore_index=True)
    names = subjects_of(raw, len(people))
    for number, subject in enumerate(names):
        source = next(made.glob(f"{people.participant_id[number]}/ses-*/anat"))
        for kind, path in paths_of(raw, subject).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if kind != "mask":
                shutil.copy(next(source.glob(f"*_{kind}.nii.gz")), target)
    write_tables(raw, names, people, folder)


def subjects_of(raw: dict, number: int) -> list[str]:
    """Subjects as their folders name them."""
    shapes = {"ncanda": "NCANDA_S{:05d}", "abcd": "sub-NDARINV{:05d}"}
    shape = shapes.get(raw["layout"]) or raw.get("subject_format", "{}")
    return [shape.format(each + 1) for each in range(number)]


def paths_of(raw: dict, subject: str) -> dict[str, str]:
    """Kind -> path below the root."""
    if raw["layout"] == "ncanda":
        return {kind: f"{subject}/baseline/{kind[:2].lower()}_brain.nii.gz" for kind in ("T1w", "T2w")}
    if raw["layout"] == "abcd":
        session = "ses-baselineYear1Arm1"
        stem = f"{subject}/{session}/anat/{subject}_{session}"
        return {kind: f"{stem}_{kind}.nii.gz" for kind in ("T1w", "T2w")}
    return {
        kind: path.replace("{subject}", subject).replace("{site}", "Guys").replace("*", "1")
        for kind, path in raw["files"].items()
    }


def write_tables(raw: dict, names: list[str], people: pd.DataFrame, folder: Path) -> None:
    """The participants tables that a cohort file names: the last one has ages and families, where there are two."""
    usual = {
        "ncanda": {"subject": "subject", "session": "visit", "sex": "sex", "age": "visit_age"},
        "abcd": {"subject": "src_subject_id", "session": "eventname", "sex": "sex", "age": "interview_age"},
    }
    columns = raw.get("columns") or usual[raw["layout"]]
    codes = {sex: code for code, sex in raw.get("sex_codes", {}).items()}
    cells = {
        "subject": [name.replace("sub-NDAR", "NDAR_") for name in names],
        "session": ["baselineYear1Arm1" if raw["layout"] == "abcd" else "baseline"] * len(names),
        "sex": [codes.get(sex, sex) for sex in people.sex],
        "age": [str(20 + number) for number in range(len(names))],
        "family": [f"f{number}" for number in range(len(names))],
    }
    if "subject_format" in raw:  # the table has the bare number
        cells["subject"] = [str(number + 1) for number in range(len(names))]
    tables = raw["participants"] if isinstance(raw["participants"], list) else [raw["participants"]]
    for number, path in enumerate(tables):
        wanted = [key for key in columns if key == "subject" or len(tables) == 1 or (key == "sex") == (number == 0)]
        table = pd.DataFrame({columns[key]: cells[key] for key in wanted})
        table.to_csv(folder / path.removeprefix("$"), index=False)


def experiment(names: list[str]) -> dict:
    """The tiny experiment with one model on these cohorts, by the names of their shipped files."""
    config = copy.deepcopy(TINY)
    config["cohorts"], config["models"] = names, ["neuroquant"]
    config["overrides"].pop("baselines.sd_vae")
    config["shards"] = {"train": 1, "val": 1, "test": 1}
    config["split"] = {"train": 0.5, "val": 0.0, "test": 0.5, "method": "exact"}
    config["volume"] |= {"voxel_mm": 7.0, "registration": "grids"}
    config["segmentation"] = {"engine": "none"}
    config["table1"] = config["table2"] = {"models": ["neuroquant"], "cohorts": names}
    config["figure4"] = {"cohort": names[0], "models": ["neuroquant"]}
    return config
