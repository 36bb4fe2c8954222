"""Pages of the test subjects of a run of the workflow, from its shards and tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.files import file_name, read_tsv
from neuroquant.statistics.metrics import of_source
from neuroquant.statistics.quality import measures
from neuroquant.store.arrays import ArrayFile
from neuroquant.subject_page.page import write_page
from neuroquant.subject_page.pictures import SessionPictures


@dataclass(frozen=True, slots=True)
class Run:
    """What one model made of one cohort.

    Attributes
    ----------
    model : str
        Its name.
    volumes, reconstructions : list of Path
        Test shards, in the same order.
    fidelity : list of Path
        Scores of all models on these shards.
    qc : Path
        The cohort's QC table.
    region : str
        Region of the images whose scores are shown.
    modalities : tuple of str
        The experiment's, in order.
    """

    model: str
    volumes: list[Path]
    reconstructions: list[Path]
    fidelity: list[Path]
    qc: Path
    region: str
    modalities: tuple[str, ...]


def write_pages(run: Run, label: str, folder: Path) -> None:
    """Write a page per test subject, named after the subject.

    Parameters
    ----------
    label : str
        Of the model and the cohort, behind the subject's name in each title.
    folder : Path
        Receives the pages.
    """
    numbers = numbers_of(run)
    distribution = {name: numbers[name].dropna().tolist() for name in numbers}
    folder.mkdir(parents=True, exist_ok=True)
    for volumes, reconstructions in zip(run.volumes, run.reconstructions, strict=True):
        for subject, sessions in subjects_of(volumes, reconstructions, numbers):
            name = file_name(str(volumes), subject)
            write_page(folder / f"{name}.html", f"{subject}: {label}", sessions, distribution)
            print(f"{name}.html: {len(sessions)} sessions", flush=True)


def numbers_of(run: Run) -> pd.DataFrame:
    """Scores and preprocessing's numbers: a row per subject and session, columns as people read them.

    Scores are those of the test sessions; preprocessing's numbers are there for every session of the cohort.
    """
    columns: dict[str, pd.Series] = {}
    scores = pd.concat([read_tsv(path, numeric=("value",)) for path in run.fidelity], ignore_index=True)
    scores = scores[(scores.region == run.region) & (scores.model == run.model)]
    for metric in of_source("fidelity"):
        for modality in run.modalities:
            chosen = scores[(scores.metric == metric.name) & (scores.modality == modality)]
            columns[f"{modality} {metric.titled}"] = chosen.set_index(["subject", "session"])["value"] * metric.scale
    qc = read_tsv(run.qc).set_index(["subject", "session"])
    for name, label in measures(run.modalities).items():
        if name in qc:
            columns[label] = pd.to_numeric(qc[name].replace("", None), errors="coerce").astype(float)
    return pd.DataFrame({label: column for label, column in columns.items() if column.notna().any()})


def subjects_of(
    volumes_h5: Path, reconstructions_h5: Path, numbers: pd.DataFrame
) -> Iterator[tuple[str, list[SessionPictures]]]:
    """The subjects of a shard with their sessions, which no two shards share."""
    volumes, reconstructions = ArrayFile(volumes_h5), ArrayFile(reconstructions_h5)
    subjects: dict[str, list[tuple[str, str, str]]] = {}
    for key in volumes.sessions:
        subjects.setdefault(key[1], []).append(key)
    side = float(volumes.attributes.get("voxel_mm") or 1.0)
    for subject, keys in subjects.items():
        sessions = []
        for key in keys:
            rows = volumes.sessions[key]
            own = numbers.loc[key[1:]].dropna().to_dict() if key[1:] in numbers.index else {}
            mask = volumes.read("mask", next(iter(rows.values()))) > 0
            copies = {name: image(reconstructions, row) for name, row in reconstructions.sessions.get(key, {}).items()}
            images = {name: image(volumes, row) for name, row in rows.items()}
            sessions.append(SessionPictures(subject, key[2], images, mask, copies, (side, side, side), own))
        yield subject, sessions


def image(file: ArrayFile, row: int) -> np.ndarray:
    """One image of a shard (D, H, W), from [-1, 1] to [0, 1], float32."""
    return (np.asarray(file.view("image")[row], np.float32) + 1) / 2
