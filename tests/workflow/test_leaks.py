"""A leak of each kind, planted: the run stops before anything is trained, and says where to look."""

import copy
import shutil

import pytest

from neuroquant.cohorts.index import index_cohort
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import split_subjects
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.config.volume import Split
from neuroquant.files import read_tsv, write_tsv
from neuroquant.synthetic.bids import write_cohort
from tests.workflow.run import TINY, snakemake

MODEL = "results/tiny/models/neuroquant/model.safetensors"
EVEN = {"train": 0.5, "val": 0.2, "test": 0.3, "method": "exact"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A BIDS folder of eight synthetic people, the first two of them siblings."""
    root = tmp_path_factory.mktemp("study") / "bids"
    recipe = Synthetic(subjects=8, visits_max=1, seed=5, voxel_mm=7.0)
    write_cohort(Cohort(name="study", synthetic=recipe), root)
    return root


def experiment(*roots, **split):
    """The tiny experiment on cohorts that lie in folders."""
    config = copy.deepcopy(TINY)
    config["cohorts"] = [{"name": f"study{n}", "layout": "bids", "root": str(root)} for n, root in enumerate(roots)]
    config["shards"] = {"train": 1, "val": 1, "test": 1}
    config["split"] = EVEN | split
    for shown in ("table1", "table2"):
        config[shown] = {"cohorts": ["study0"]}
    return config


def places(root, tmp_path):
    """Subject -> split, as the experiment will have it."""
    paths = [tmp_path / f"{n}.tsv" for n in ("i", "s", "x")]
    source = Source(Cohort(name="study0", root=str(root)), root, DEFAULT_MODALITIES)
    refresh_inventory(source, paths[0])
    index_cohort(source, *paths)
    return split_subjects(read_tsv(paths[1]), Split(**EVEN), "study0").set_index("subject")["split"]


@pytest.mark.slow
def test_a_copied_image_stops_the_run_before_training(study, tmp_path):
    root = tmp_path / "bids"
    shutil.copytree(study, root)
    chosen = places(root, tmp_path)
    one, two = (next(name for name, split in chosen.items() if split == wanted) for wanted in ("train", "test"))
    scans = {name: root / name / "ses-01/anat" / f"{name}_ses-01_T1w.nii.gz" for name in (one, two)}
    shutil.copy(scans[one], scans[two])
    done = snakemake(tmp_path, MODEL, config=experiment(root))
    assert done.returncode != 0 and "images in two splits" in done.stdout, done.stdout[-3000:]
    assert one in done.stdout and two in done.stdout and "one person under two names" in done.stdout
    assert not (tmp_path / "results/tiny/models/neuroquant").exists()


@pytest.mark.slow
def test_an_image_that_two_cohorts_split_differently_stops_the_run_before_training(study, tmp_path):
    done = snakemake(tmp_path, MODEL, config=experiment(study, study))
    assert done.returncode != 0 and "cohorts study0 and study1" in done.stdout, done.stdout[-3000:]
    assert not (tmp_path / "results/tiny/models/neuroquant").exists()


@pytest.mark.slow
def test_a_split_file_that_parts_a_family_stops_the_run(study, tmp_path):
    table = places(study, tmp_path).reset_index()
    siblings = read_tsv(study / "participants.tsv").query("family_id != 'n/a'").participant_id
    table.loc[table.subject.isin(siblings), "split"] = ["train", "test"]
    write_tsv(table, tmp_path / "split.tsv")
    config = experiment(study, file=str(tmp_path / "split.tsv"))
    done = snakemake(tmp_path, "results/tiny/cohorts/study0/splits.tsv", config=config)
    assert done.returncode != 0 and "the same family in two splits" in done.stdout, done.stdout[-3000:]
