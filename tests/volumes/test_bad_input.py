"""Every kind of bad input costs its session alone, and is told in a sentence that says what to do."""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.store.disk import told_when_full
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing
from tests.cohorts.helpers import index, source_of
from tests.volumes.heads import BALLS, ball

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


class Study:
    """Two subjects, each with a good pair; the second's T2w is there to be spoilt."""

    def __init__(self, root: Path):
        self.root, self.out = root / "my study", root / "out"
        self.root.mkdir()
        (self.root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
        self.people("sub-01\tF", "sub-02\tM")
        for subject in ("sub-01", "sub-02"):
            for kind in ("T1w", "T2w"):
                self.save(subject, kind, self.voxels(f"{subject}{kind}"))
        self.path = self.root / "sub-02/anat/sub-02_T2w.nii.gz"

    def people(self, *rows, header="participant_id\tsex"):
        (self.root / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")

    def voxels(self, name: str = "") -> np.ndarray:
        generator = np.random.default_rng(list(name.encode()))
        return np.where(ball(), generator.uniform(100, 900, ball().shape), 0).astype(np.float32)

    def save(self, subject, kind, data, affine=AFFINE) -> Path:
        path = self.root / subject / "anat" / f"{subject}_{kind}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(data, affine), path)
        return path

    def run(self, **change) -> dict[str, str]:
        """Subject -> why it is out, of the index and preprocessing."""
        cohort = Cohort(name="c", root=str(self.root)).model_copy(update=change)
        sessions, early = index(source_of(cohort), self.out)
        write_tsv(sessions.assign(split="test"), self.out / "manifest.tsv")
        late = [self.out / f"test-000.{kind}" for kind in ("h5", "qc.tsv", "excluded.tsv")]
        how = Preprocessing(
            self.root,
            Volume(**BALLS),
            DEFAULT_MODALITIES,
        )
        preprocess_shard(self.out / "manifest.tsv", ShardFiles(*late), how)
        self.qc = read_tsv(late[1])
        rows = [row for table in (early, read_tsv(late[2])) for row in table.itertuples()]
        assert {row.subject for row in rows} | set(self.qc.subject) == {"sub-01", "sub-02"}
        assert len(rows) + len(self.qc) == 2, "each session is in one of the two"
        return {row.subject: row.reason for row in rows}


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def header(study, **fields):
    """Set fields of the header of the scan that is spoilt, its voxels as they were."""
    raw = bytearray(gzip.decompress(study.path.read_bytes()))
    head = np.frombuffer(raw, nib.Nifti1Header.template_dtype, 1).copy()
    for name, value in fields.items():
        head[name] = value
    raw[:348] = head.tobytes()
    study.path.write_bytes(gzip.compress(bytes(raw)))


def bend(data, place=(15, 15, 14), value=np.nan):
    data[place] = value
    return data


def write(spoil):
    """A spoiling of voxels: what is saved in place of the good ones."""
    return lambda study: study.save("sub-02", "T2w", spoil(study.voxels("bad")))


FILES = {
    "empty": (lambda s: s.path.write_bytes(b""), "the file is empty", "copy it again"),
    "truncated": (lambda s: s.path.write_bytes(s.path.read_bytes()[:-500]), "truncated", "copy it again"),
    "not gzip": (lambda s: s.path.write_bytes(gzip.decompress(s.path.read_bytes())), "not compressed", "rename it"),
    "not NIfTI": (lambda s: s.path.write_bytes(gzip.compress(b"hello " * 999)), "not a readable NIfTI", "convert it"),
    "dangling link": (
        lambda s: (s.path.unlink(), s.path.symlink_to(s.root / "gone")), "can't be opened", "correct its target",
    ),
    "misnamed": (lambda s: s.path.rename(s.path.with_name("sub-02_T2w (1).nii.gz")), "isn't named", "rename it"),
    "4D": (write(lambda data: np.stack([data] * 3, -1)), "4D", "save one of them"),
    "one slice": (write(lambda data: data[:, :, :1]), "fewer than 16 voxels", "supply one"),
    "NaN": (write(bend), "1 voxels are NaN", "set them to 0"),
    "infinite": (write(lambda data: bend(data, value=np.inf)), "1 voxels are NaN or infinite", "set them to 0"),
    "all zero": (write(lambda data: data * 0), "all voxels are zero", "export it again"),
    "constant": (write(lambda data: data * 0 + 7), "all voxels are 7", "export it again"),
    "all negative": (write(lambda data: -1 - data), "100% of its signal is negative", "supply the scan"),
    "zero voxels": (lambda s: header(s, srow_x=[0, 0, 0, 0]), "singular", "correct the header"),
    "absurd voxels": (lambda s: header(s, srow_x=[50, 0, 0, 0]), "voxels of 50 x 2 x 2 mm", "correct the header"),
    "singular affine": (
        lambda s: header(s, srow_x=[2, 0, 0, 0], srow_y=[2, 0, 0, 0]), "singular", "correct the header",
    ),
    "no orientation": (lambda s: header(s, sform_code=0, qform_code=0), "left and right are unknown", "convert it"),
    "forms that run other ways": (
        lambda s: header(s, qform_code=1, quatern_b=0, quatern_c=1, quatern_d=0), "which way its axes run", "correct",
    ),
    "forms of other sizes": (
        lambda s: header(s, qform_code=1, pixdim=[1, 1, 1, 1, 1, 1, 1, 1]), "the size of a voxel", "correct the header",
    ),
    "forms that lie apart": (
        lambda s: header(s, qform_code=2, pixdim=[1, 2, 2, 2, 1, 1, 1, 1], qoffset_x=60), "disagree by 60 mm", "code",
    ),
    "forms that are turned apart": (
        lambda s: header(s, qform_code=2, pixdim=[1, 2, 2, 2, 1, 1, 1, 1], quatern_d=np.sin(np.pi / 12)),
        "mm about where it lies", "correct the header",
    ),
    "a qform without voxels": (
        lambda s: header(s, sform_code=0, qform_code=1, pixdim=[1, 0, 0, 0, 1, 1, 1, 1]), "voxels of 0 x 0 x 0 mm",
        "correct the header",
    ),
    "a qform of negative voxels": (
        lambda s: header(s, sform_code=0, qform_code=1, pixdim=[1, -2, 2, 2, 1, 1, 1, 1]), "voxels of -2 x 2 x 2 mm",
        "correct the header",
    ),
    "a qform that is none": (
        lambda s: header(s, qform_code=1, quatern_b=3, quatern_c=3), "qform is no rotation", "qform_code to 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_bad_file_costs_its_session_alone_and_says_what_to_do(study, kind):
    spoil, found, remedy = FILES[kind]
    spoil(study)
    out = study.run()
    assert set(out) == {"sub-02"} and found in out["sub-02"] and remedy in out["sub-02"], out


PEOPLE = {
    "no sex": (["sub-01\tF", "sub-02\tn/a"], "sex is missing in participants.tsv", "add it"),
    "sex as a code": (["sub-01\tF", "sub-02\t2"], "sex is '2'", "sex_codes"),
    "two sexes": (["sub-01\tF", "sub-02\tM", "sub-02\tF"], "contradict each other about its sex", "correct them"),
    "not in the table": (["sub-01\tF"], "not in participants.tsv", "add a row"),
}


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_bad_row_of_the_participants_costs_that_subject_alone_and_says_what_to_do(study, kind):
    rows, found, remedy = PEOPLE[kind]
    study.people(*rows)
    out = study.run()
    assert set(out) == {"sub-02"} and found in out["sub-02"] and remedy in out["sub-02"], out


def test_codes_for_sex_are_read_where_they_are_told_and_stop_everything_where_they_are_not(study):
    study.people("sub-01\t1", "sub-02\t2")
    with pytest.raises(InputError, match="(?s)only '1', '2'.*sex_codes"):
        study.run()
    assert study.run(sex_codes={"1": "M", "2": "F"}) == {}


def test_huge_intensities_pass_with_their_bounds_on_record(study):
    study.save("sub-02", "T2w", study.voxels("bad") * 1.2e4)
    assert study.run() == {} and float(study.qc.T2w_high[1]) > 1e7


def test_a_few_huge_voxels_neither_hide_the_brain_nor_become_it(study):
    for kind in ("T1w", "T2w"):
        data = study.voxels(kind)
        data[15, 15, 14], data[15, 15, 15] = 1e7, 9e6
        study.save("sub-02", kind, data)
    assert study.run() == {} and study.qc.brain_ml[0] == study.qc.brain_ml[1] and float(study.qc.T2w_high[1]) < 1000


def test_a_brain_too_small_for_one_is_left_out_wherever_it_was_taken_from(study):
    few = np.zeros(ball().shape, np.uint8)
    few[14:16, 14:16, 13:15] = 1
    for kind in ("T1w", "T2w"):
        study.save("sub-02", kind, study.voxels(kind) * few)
    out = study.run()
    assert "a brain of 0.064 ml (skull-stripped scans); at least 10 ml" in out["sub-02"]
    for kind in ("T1w", "T2w"):
        study.save("sub-02", kind, study.voxels(kind))
    mask = study.root / "derivatives/masks/sub-02/anat/sub-02_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(few, AFFINE), mask)
    out = study.run()
    assert "a brain of 0.064 ml (given mask)" in out["sub-02"] and "volume.brain_ml_min" in out["sub-02"]


def test_an_image_that_is_both_scans_of_a_session_is_a_copying_error(study):
    study.save("sub-02", "T2w", study.voxels("sub-02T1w"))
    out = study.run()
    assert "T1w and T2w are the same image" in out["sub-02"] and "copy the right one" in out["sub-02"]


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_file_without_the_right_to_read_it_costs_its_session_alone():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        os.chmod(folder, 0o777)
        study = Study(Path(folder))
        study.run()
        os.chmod(study.path, 0)
        for path in (study.out, *study.out.iterdir()):
            os.chmod(path, 0o777)
        root = os.geteuid() == 0
        try:
            if root:  # who is root may read everything
                os.seteuid(65534)
            out = study.run()
        finally:
            if root:
                os.seteuid(0)
        assert set(out) == {"sub-02"}
        assert "can't be opened (Permission denied)" in out["sub-02"] and "chmod u+r" in out["sub-02"]


FULL = """
import resource, signal, sys
from pathlib import Path
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing
out, root = map(Path, sys.argv[1:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    paths = [out / f"full.{kind}" for kind in ("h5", "qc.tsv", "excluded.tsv")]
    how = Preprocessing(root, Volume(shape=(32, 32, 32), brain_ml_min=0, structure_min=0, match_min=0), ("T1w", "T2w"))
    preprocess_shard(out / "manifest.tsv", ShardFiles(*paths), how)
except InputError as error:
    print(error)
"""


def test_a_disk_that_fills_up_while_a_shard_is_written_leaves_nothing_and_says_what_to_do(study):
    study.run()
    before = set(os.listdir(study.out))
    done = subprocess.run(
        [sys.executable, "-c", FULL, study.out, study.root], capture_output=True, text=True, check=False
    )
    assert "no room left for this shard" in done.stdout and "free some space" in done.stdout, done.stderr[-2000:]
    assert set(os.listdir(study.out)) == before


def test_what_a_killed_job_left_behind_is_removed_by_the_next(study):
    study.run()
    (study.out / ".test-000.abc").mkdir()
    (study.out / ".test-000.abc/0-image.npy").write_bytes(b"x" * 99)
    (study.out / ".test-000.h5.abc.part").write_bytes(b"x")
    (study.out / ".test-0001.abc").mkdir()
    study.run()
    assert [path.name for path in study.out.iterdir() if path.name.startswith(".")] == [".test-0001.abc"]


def test_hdf5_hides_the_number_of_a_full_disk_in_its_message(tmp_path):
    with pytest.raises(InputError, match="no room left"), told_when_full(tmp_path):
        raise OSError("Can't write data (file write failed: time = x, errno = 28, error message = 'No space')")
    with pytest.raises(OSError, match="something else"), told_when_full(tmp_path):
        raise OSError("something else")
