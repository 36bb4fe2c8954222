"""A synthetic cohort on disk: a BIDS data set with ground truth in `derivatives/ground_truth`."""

import gzip
import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

import neuroquant
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import write_json, write_tsv
from neuroquant.synthetic.contrast import acquire, tissue_means
from neuroquant.synthetic.recipes import RECIPES, check_recipes
from neuroquant.synthetic.structures import names
from neuroquant.synthetic.subject import Person, anatomy, draw_person
from neuroquant.synthetic.template import by_template

TRUTH = "derivatives/ground_truth"
GENERATOR = "NeuroQuant synthetic cohort"


def write_cohort(cohort: Cohort, folder: Path, modalities: tuple[str, ...] = DEFAULT_MODALITIES) -> None:
    """Make the cohort and put it at `folder`, whole or not at all.

    Parameters
    ----------
    modalities : the scans that each session has. A scan's voxels don't depend on which others there are.

    Raises
    ------
    InputError
        If the cohort has no recipe, a modality has none, something else lies at `folder`, or the label maps can't be
        used.
    """
    folder = Path(folder)
    if cohort.synthetic is None:
        raise InputError(f"cohort {cohort.name}: synthetic", "nothing", "a recipe", "add a synthetic section")
    if folder.exists() and not _is_ours(folder):
        raise InputError(
            str(folder), "a folder that wasn't made here", "nothing, or a synthetic cohort", "move it away"
        )
    check_recipes(modalities, f"cohort {cohort.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(cohort, scratch / "new", modalities)
        if folder.exists():  # moved aside first, so that no moment shows half a cohort
            os.replace(folder, scratch / "old")
        os.replace(scratch / "new", folder)
    except BaseException:
        if (scratch / "old").exists():
            os.replace(scratch / "old", folder)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    description = folder / "dataset_description.json"
    return description.is_file() and GENERATOR in description.read_text(encoding="utf-8")


def _write(cohort: Cohort, root: Path, modalities: tuple[str, ...]) -> None:
    settings = cohort.synthetic
    _describe(cohort, root)
    people = [draw_person(settings, number) for number in range(settings.subjects)]
    rows = [
        {"participant_id": p.label, "sex": p.sex, "age": p.ages[0], "family_id": p.family or "n/a"}
        | {"site": p.site, "scanner": p.scanner}
        for p in people
    ]
    write_tsv(pd.DataFrame(rows), root / "participants.tsv")
    for done, number in enumerate(by_template(settings.labels, len(people)), start=1):
        _write_person(cohort, root, people[number], modalities)
        if done % 8 == 0 or done == len(people):
            print(f"{cohort.name}: {done}/{len(people)} subjects", file=sys.stderr, flush=True)


def _write_person(cohort: Cohort, root: Path, person: Person, modalities: tuple[str, ...]) -> None:
    settings = cohort.synthetic
    visits = [f"ses-{visit + 1:02d}" for visit in range(len(person.ages))]
    table = pd.DataFrame({"session_id": visits, "age": person.ages})
    write_tsv(table, root / person.label / f"{person.label}_sessions.tsv")
    columns = {"session_id": {"Description": "visit"}, "age": {"Description": "age at the visit", "Units": "year"}}
    write_json(root / person.label / f"{person.label}_sessions.json", columns)
    own = np.random.default_rng((settings.seed, person.number, 3))
    drawn = up_to(modalities)
    means = {modality: tissue_means(modality, settings.scanner, own) for modality in drawn}
    for visit, session in enumerate(visits):
        brain = anatomy(settings, person, visit)
        affine = brain.view.affine
        generator = np.random.default_rng((settings.seed, person.number, 2, visit))
        stem = f"{person.label}/{session}/anat/{person.label}_{session}"
        for modality in drawn:
            scan = acquire(brain, means[modality], modality, settings.scanner, generator)
            if modality in modalities:
                save_nifti(scan, affine, root / f"{stem}_{modality}.nii.gz")
        save_nifti(brain.labels, affine, root / TRUTH / f"{stem}_dseg.nii.gz")
        mask = (brain.labels > 0).astype(np.uint8)
        save_nifti(mask, affine, root / TRUTH / f"{stem}_desc-brain_mask.nii.gz")


def up_to(modalities: tuple[str, ...]) -> list[str]:
    """The recipes to draw from, so that no scan's noise depends on which others an experiment asks for."""
    last = max(list(RECIPES).index(modality) for modality in modalities)
    return list(RECIPES)[: last + 1]


def save_nifti(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write .nii.gz with sform and qform set, and no time in the gzip header: the same array gives the same bytes."""
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0, filename="") as file:
        file.write(image.to_bytes())
    path.write_bytes(buffer.getvalue())


def _describe(cohort: Cohort, root: Path) -> None:
    generator = [{"Name": GENERATOR, "Version": neuroquant.__version__}]
    base = {"BIDSVersion": "1.10.0", "License": "Apache-2.0", "Authors": ["NeuroQuant"], "GeneratedBy": generator}
    write_json(root / "dataset_description.json", {"Name": cohort.shown, "DatasetType": "raw", **base})
    write_json(
        root / TRUTH / "dataset_description.json",
        {"Name": f"{cohort.shown}: ground truth", "DatasetType": "derivative", **base},
    )
    recipe = json.dumps(cohort.synthetic.model_dump(mode="json", exclude={"labels"}), indent=2)
    text = (
        f"{cohort.shown}: a cohort of synthetic brains, made by NeuroQuant {neuroquant.__version__}.\n\n"
        "Every subject is a smooth, invertible deformation of one template, with a known difference between the\n"
        "sexes (brain size) and a little growth of the ventricles a visit. Scans are skull-stripped.\n"
        "Ground truth: derivatives/ground_truth. No person was scanned.\n\n"
        f"Recipe:\n{recipe}\n"
    )
    (root / "README").write_text(text, encoding="utf-8")
    write_json(
        root / "participants.json",
        {
            "sex": {"Description": "sex; brains of M are larger on average", "Levels": {"F": "female", "M": "male"}},
            "age": {"Description": "age at the first visit", "Units": "year"},
            "family_id": {"Description": "siblings share it"},
            "site": {"Description": "one of two that took turns; images don't differ between them"},
            "scanner": {"Description": "each site has one"},
        },
    )
    write_tsv(pd.DataFrame(names().items(), columns=["index", "name"]), root / TRUTH / "dseg.tsv")
