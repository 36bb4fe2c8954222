"""The results of a tiny run on a synthetic cohort, as far as derivatives are made of them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from neuroquant import models
from neuroquant.config.cohort import Cohort
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import write_tsv
from neuroquant.model_folder import save_model
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from neuroquant.synthetic.bids import write_cohort
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing
from tests.training.helpers import PARAMETERS

MODALITIES = ("T1w", "T2w")
VOLUME = Volume(shape=(32, 32, 32), brain_mask=("given", "stripped", "labels"))


def save_small_model(folder: Path, name: str = "neuroquant", modalities: tuple[str, ...] = MODALITIES) -> Path:
    """A folder of a small NeuroQuant, untrained, that has 16-fold tokens of 32 voxels a side."""
    torch.manual_seed(0)
    entry = ModelEntry(name=name, architecture="neuroquant", parameters=PARAMETERS, modalities=modalities)
    save_model(folder, models.build("neuroquant", PARAMETERS, entry.suffixes), entry, VOLUME, {})
    return folder


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A cohort of two subjects and what the workflow makes of it, where the workflow puts it."""
    base = tmp_path_factory.mktemp("results") / "tiny"
    raw = base / "cohorts/mine/bids"
    write_cohort(Cohort(name="mine", synthetic={"subjects": 2, "visits_max": 2, "voxel_mm": 7.0, "seed": 3}), raw)
    (base / "config.yaml").write_text(yaml.safe_dump({"cohorts": [{"name": "mine"}]}))
    rows = []
    for scan in sorted(raw.glob("sub-*/ses-*/anat/*_T1w.nii.gz")):
        subject, session = scan.parts[-4], scan.parts[-3]
        paths = {"T1w": scan.relative_to(raw).as_posix()}
        paths["T2w"] = paths["T1w"].replace("T1w", "T2w")
        facts = {"family": "f", "sex": "F", "age": 9.5, "mask": "", "labels": "", "split": "test"}
        rows.append({"cohort": "mine", "subject": subject, "session": session, **facts, **paths})
    files = {
        kind: base / f"{folder}/mine/test-000.{ending}"
        for kind, folder, ending in (
            ("manifest", "cohorts", "tsv"), ("volumes", "volumes", "h5"), ("latents", "latents/neuroquant", "h5"),
            ("reconstructions", "reconstructions/neuroquant", "h5"),
            ("segmentations", "segmentations/neuroquant", "h5"),
        )
    }  # fmt: skip
    files["manifest"] = base / "cohorts/mine/shards/test-000.tsv"
    write_tsv(pd.DataFrame(rows), files["manifest"])
    out = ShardFiles(files["volumes"], base / "qc.tsv", base / "excluded.tsv")
    preprocess_shard(files["manifest"], out, Preprocessing(raw, VOLUME, MODALITIES))
    model = save_small_model(base / "models/neuroquant")
    training = base / "latents/neuroquant/mine/train-000.h5"
    export_latents(model, [files["volumes"]], [training], "cpu", 1)
    outputs = Outputs(files["reconstructions"], files["latents"], base / "synthesis.tsv", base / "codes.tsv")
    reconstruct_shard(Inputs(model, files["volumes"], []), outputs, None, "cpu", 1)
    segment(files["volumes"], files["segmentations"])
    return SimpleNamespace(base=base, raw=raw, files=files, model=model, training=training, rows=rows)


def segment(volumes_h5: Path, out_h5: Path) -> None:
    """Segmentations that find white matter where a volume is bright, and ventricles elsewhere in the brain."""
    volumes = ArrayFile(volumes_h5)
    facts = {"engine": "SynthSeg 2.0", "stand_in": False, "labels": [0, 2, 4], "provenance": {"flip": True}}
    out_h5.parent.mkdir(parents=True, exist_ok=True)
    with ArrayWriter(out_h5, list(volumes.records), facts) as writer:
        writer.create("labels", VOLUME.shape, np.int16)
        for row in range(len(volumes)):
            image, mask = volumes.read("image", row), volumes.read("mask", row)
            writer.write("labels", row, np.where(mask > 0, np.where(image > 0, 2, 4), 0).astype(np.int16))
