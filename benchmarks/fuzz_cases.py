"""The cases of `benchmarks/fuzz.py`: an odd input, what reads it, and what must hold where it is taken."""

import json
import math
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import fuzz_inputs as odd
import nibabel as nib
import numpy as np
import torch
import yaml

from neuroquant import models
from neuroquant.cli import main
from neuroquant.cohorts.index import find_header_fault
from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.cohorts.proof import check_apart
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import split_subjects
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.config.load import load_experiment, resolve_experiment
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Split, Volume
from neuroquant.errors import InputError
from neuroquant.model_folder import save_model
from neuroquant.tokenizer import Tokenizer
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.preprocess import prepare
from neuroquant.volumes.work import Preprocessing

ROOT = Path(__file__).parents[1]
VOLUME = Volume(shape=(16, 16, 16), brain_ml_min=10, structure_min=0, match_min=0, percentiles=(0.0, 100.0))
SMALL = {
    "channels": [4, 4], "heads": 1, "codebook_size": 8, "code_dim": 4, "c_m": 2, "c_s": 2, "film_hidden": 4,
    "classifier_hidden": 4, "head_channels": 2, "start_after": 0, "reservoir": 16,
}  # fmt: skip
TAKEN = "taken"
Dumper = getattr(yaml, "CDumper", yaml.Dumper)


class Broken(Exception):
    """What was taken in, though it can't be right."""


@lru_cache(maxsize=1)
def base() -> Path:
    """A folder with what cases start from: a model, a file of tokens, an experiment with everything that it names."""
    torch.set_num_threads(1)
    nib.imageglobals.logger.setLevel("CRITICAL")  # it says of each header what it mends
    torch.manual_seed(0)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-base-"))
    model = models.build("neuroquant", SMALL)
    entry = ModelEntry(name="small", architecture="neuroquant", parameters=SMALL)
    save_model(folder / "model", model, entry, VOLUME, {})
    t1w, _ = odd.head(np.random.default_rng(0))
    odd.save(folder / "a_T1w.nii.gz", t1w)
    Tokenizer(folder / "model", "cpu").encode(folder / "a_T1w.nii.gz").save(folder / "tokens.h5")
    return folder


def nifti(random: np.random.Generator, folder: Path, told: list[str]) -> str:
    """A pair, one file of which is spoilt, through the index's and preprocessing's reading."""
    pair, two = dict(zip(DEFAULT_MODALITIES, odd.head(random), strict=True)), random.random() < 0.3
    kind, suffix = (nib.Nifti2Image if two else nib.Nifti1Image), odd.pick(random, [".nii", ".nii.gz"])
    bad = odd.pick(random, list(DEFAULT_MODALITIES))
    files = {}
    for name, data in pair.items():
        files[name] = (f"{name}{suffix}", "")
        raw = odd.save(folder / files[name][0], data, kind)
        if name == bad:
            raw, what = odd.spoilt_nifti(random, raw, two)
            told.append(f"{bad}{suffix}, NIfTI-{1 + two}: {what}")
            odd.write(folder / files[name][0], raw)
    cohort = Cohort(name="fuzz", root=str(folder))
    reason, _ = find_header_fault(Source(cohort, folder, DEFAULT_MODALITIES), files)
    if reason:
        return "refused"
    row = SessionRow({name: path for name, (path, _) in files.items()})
    made = prepare(row, Preprocessing(folder, VOLUME, DEFAULT_MODALITIES))
    for name, image in made.images.items():
        if not np.isfinite(image).all() or np.abs(image).max() > 1 or not made.mask.any():
            raise Broken(f"{name}: from {image.min()} to {image.max()}")
    before, after = pair[bad].astype(float), np.asarray(nib.load(folder / files[bad][0]).dataobj, float)
    if after.shape != before.shape:
        raise Broken(f"shape {after.shape}")
    slope, inter = np.polyfit(before.ravel(), after.ravel(), 1)
    off = np.abs(slope * before + inter - after).max() / max(np.ptp(after), 1e-300)
    if not (slope > 0 and off < 1e-3):
        raise Broken(f"voxels off by {off:.0%} of their range, slope {slope:.3g}")
    return TAKEN


@lru_cache(maxsize=1)
def _experiment() -> dict[str, Any]:
    """The demo's experiment, with its cohorts and some of its models written out."""
    raw = yaml.safe_load((ROOT / "config/demo.yaml").read_text(encoding="utf-8"))
    read = {
        key: lambda name, key=key: _with_parents(ROOT / f"config/{key}/{name}.yaml") for key in ("cohorts", "models")
    }
    raw["cohorts"] = [read["cohorts"](name) for name in raw["cohorts"]]
    raw["models"] = [read["models"](name) if number < 6 else name for number, name in enumerate(raw["models"])]
    return raw


def _with_parents(path: Path) -> dict[str, Any]:
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    parent = value.pop("extends", None)
    return (_with_parents(path.parent / f"{parent}.yaml") if parent else {}) | value


def config(random: np.random.Generator, folder: Path, told: list[str]) -> str:
    """An experiment of which keys, values or bytes are wrong, as `validate` and `plan` read it."""
    tree, what = odd.spoilt_tree(random, _experiment(), odd.PLAIN + odd.NOT_JSON)
    try:
        text = yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True).encode()
    except UnicodeEncodeError:  # half a pair of surrogates, which libyaml doesn't write
        text = yaml.dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    if random.random() < 0.3:
        text, more = odd.spoilt_bytes(random, text)
        what = f"{what}, {more}"
    told.append(what)
    (folder / "experiment.yaml").write_bytes(text)
    try:
        experiment = load_experiment(folder / "experiment.yaml", ROOT / "config")
    except InputError:
        # as Snakemake gives it, which reads the file itself
        try:
            resolve_experiment(tree, ROOT / "config", "experiment.yaml")
        except InputError:
            pass
        raise
    plain = experiment.model_dump(mode="json")
    json.dumps(plain, allow_nan=False).encode()
    if resolve_experiment(plain, ROOT / "config", "resolved") != experiment:
        raise Broken("it doesn't resolve to itself")
    return TAKEN


def table(random: np.random.Generator, folder: Path, told: list[str]) -> str:
    """A participants table, and a published split of its subjects."""
    people = [["participant_id", "sex", "age", "family_id"]]
    people += [[f"sub-{n:02d}", "FM"[n % 2], str(20 + n), f"f{n // 2}"] for n in range(1, 13)]
    parts = [
        ["subject", "split"],
        *([f"sub-{n:02d}", ("train", "train", "val", "test")[n // 2 % 4]] for n in range(1, 13)),
    ]
    which = odd.pick(random, ["participants", "split", "both"])
    for name, rows in (("participants", people), ("split", parts)):
        raw = "\n".join("\t".join(row) for row in rows).encode()
        if which in (name, "both"):
            raw, what = odd.spoilt_table(random, rows)
            told.append(f"{name}: {what}")
        (folder / f"{name}.tsv").write_bytes(raw)
    cohort = Cohort(name="made", participants=str(folder / "participants.tsv"))
    found = read_participants(Source(cohort, folder, DEFAULT_MODALITIES))
    for person in found.values():
        if not person.conflict and person.age == person.age and not 0 <= person.age < 1e6 or math.isinf(person.age):
            raise Broken(f"an age of {person.age}")
    usable = {name: who for name, who in found.items() if who.sex in ("F", "M") and not who.conflict}
    sessions = odd.frame([{"subject": name, "family": who.family, "sex": who.sex} for name, who in usable.items()])
    for split in (Split(file=str(folder / "split.tsv")), Split(train=0.5, val=0.25, test=0.25)):
        try:
            made = split_subjects(sessions, split, "made")
            check_apart(made)
        except InputError:
            if not split.file:
                raise
            continue
        if set(made.subject) != set(usable):
            raise Broken("somebody has no split")
    return TAKEN


def files(random: np.random.Generator, folder: Path, told: list[str]) -> str:
    """A model folder and a file of tokens of which one is spoilt, through `neuroquant decode`."""
    shutil.copytree(base() / "model", folder / "model")
    shutil.copy(base() / "tokens.h5", folder / "tokens.h5")
    which = odd.pick(random, ["config.json", "model.safetensors", "weights", "tokens.h5", "records", "arrays"])
    path = folder / ("model" if which in ("config.json", "model.safetensors", "weights") else "") / which
    if which == "config.json" and random.random() < 0.7:
        tree, what = odd.spoilt_tree(random, json.loads(path.read_text()), odd.PLAIN)
        path.write_bytes(odd.as_json(tree).encode("utf-8", "surrogatepass"))
    elif which in ("config.json", "model.safetensors", "tokens.h5"):
        raw, what = odd.spoilt_bytes(random, path.read_bytes())
        path.write_bytes(raw)
    elif which == "weights":
        what = odd.spoilt_weights(random, folder / "model/model.safetensors")
    else:
        what = odd.spoilt_tokens(random, folder / "tokens.h5", which)
    told.append(f"{which}: {what}")
    before = sorted(str(found) for found in folder.rglob("*"))
    out = folder / "one/two/out"
    status = main(["decode", str(folder / "model"), str(folder / "tokens.h5"), "--out", str(out), "--device", "cpu"])
    after = [found for found in folder.rglob("*") if found.is_file() and str(found) not in before]
    if any(found.parent != out for found in after):
        raise Broken(f"written outside of --out: {after}")
    if status:
        return "refused"
    for image in after:
        if not np.isfinite(np.asarray(nib.load(image).dataobj)).all():
            raise Broken(f"{image.name} has NaN")
    return TAKEN
