"""Probes of other targets, and from other parts of the latents, are planned where an experiment asks for them."""

import nibabel as nib
import numpy as np
import pytest

from neuroquant.config.load import merge
from tests.workflow.run import TINY, few, job_counts, snakemake

OWN = {"targets", "probe_target", "probe_target_volumes", "target_details"}


def planned(folder, config, *more):
    done = snakemake(folder, "--dry-run", "all", *more, config=config)
    assert done.returncode == 0, done.stdout[-3000:]
    return job_counts(done.stdout)


def asking(**probe):
    return merge(TINY, {"probe": probe})


def test_sex_alone_has_no_job_more_than_before(tmp_path):
    assert not OWN & set(planned(tmp_path, TINY))


def test_another_target_has_a_job_for_each_model_and_the_volumes(tmp_path):
    jobs = planned(tmp_path, asking(targets=["sex", "age"]))
    assert jobs["probe_target"] == 5 and jobs["probe_target_volumes"] == jobs["targets"] == 1
    assert jobs["target_details"] == jobs["probe_details"] == 1 and jobs["probe"] == 5, "Table 2 stays the paper's"


def test_every_part_is_a_job_and_the_volumes_have_none(tmp_path):
    jobs = planned(tmp_path, asking(targets=["sex", "age", "site"], inputs=["main", "both"]))
    assert jobs["probe_target"] == 5 * (2 * 3 - 1) and jobs["probe_target_volumes"] == 2 and jobs["targets"] == 3
    jobs = planned(tmp_path / "few", few(asking(targets=["age"], inputs=["anatomy"])))
    assert jobs["probe_target"] == jobs["probe"] == 1, "one job for all models of a small cohort"


@pytest.fixture
def real(tmp_path):
    """The tiny experiment on a folder of twenty subjects with a column that isn't usual."""
    root = tmp_path / "bids"
    for number in range(20):
        for modality in ("T1w", "T2w"):
            path = root / f"sub-{number:02d}/anat/sub-{number:02d}_{modality}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(np.ones((8, 8, 8), np.int16), np.eye(4)), path)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    rows = [f"sub-{n:02d}\t{'FM'[n % 2]}\t{90 + n}\tsame\t{'abcdefghijklmnopqrstuvwxyz'[n]}" for n in range(20)]
    header = "participant_id\tsex\tIQ (full/scale)\tconstant\tnote"
    (root / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")
    return TINY | {"cohorts": [{"name": "real", "root": str(root)}]}


def test_a_column_by_an_unusual_name_is_planned_under_a_path_of_its_own(tmp_path, real):
    jobs = planned(tmp_path / "run", merge(real, {"probe": {"targets": ["sex", "iq (full/scale)"]}}))
    assert jobs["probe_target"] == 5 and jobs["targets"] == 1


@pytest.mark.parametrize(
    ("column", "said"), [("constant", "'same' alone"), ("note", "free text"), ("IQ", "write IQ (full/scale)")]
)
def test_a_target_of_which_nothing_can_be_learned_stops_the_run_before_the_first_job(tmp_path, real, column, said):
    done = snakemake(tmp_path / "run", "all", config=merge(real, {"probe": {"targets": [column]}}))
    assert done.returncode != 0 and f"probe.targets: {column}" in done.stdout and said in done.stdout
    assert not job_counts(done.stdout) and "to do:" in done.stdout


@pytest.mark.slow
def test_one_more_target_trains_no_model_and_no_probe_of_another_again(finished):
    done = snakemake(finished, "--dry-run", "all", config=asking(targets=["sex", "age"]))
    jobs = set(job_counts(done.stdout))
    assert done.returncode == 0 and OWN | {"probe_details"} <= jobs
    assert not jobs & {
        "index",
        "preprocess",
        "train",
        "export_latents",
        "reconstruct",
        "probe",
        "probe_volumes",
        "cells",
    }
