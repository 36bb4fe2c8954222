"""Engines behind one interface: scans of any grid in, label maps on that grid out; commands that fail are told."""

import hashlib
import stat
import sys
import textwrap
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from neuroquant.config.evaluation import Segmentation
from neuroquant.errors import InputError
from neuroquant.segmentation import synthseg
from neuroquant.segmentation.engine import open_segmenter
from neuroquant.segmentation.installed import OFFICIAL, SCRIPT, check_installed, find_official
from neuroquant.segmentation.labels import label_of, name_of, official
from neuroquant.segmentation.network import UNet
from neuroquant.segmentation.outside import read_volumes
from neuroquant.segmentation.scans import Scan, checked, on_grid, ready
from neuroquant.segmentation.synthseg import TorchSegmenter
from neuroquant.segmentation.weights import read_weights

torch.set_num_threads(1)
COMMAND = """
    #!{python}
    # Writes what SynthSeg_predict.py writes: its own threshold in place of a network.
    import argparse, csv, os
    import nibabel as nib, numpy as np
    parser = argparse.ArgumentParser()
    for name in ("--i", "--o", "--vol", "--threads"):
        parser.add_argument(name)
    for name in ("--cpu", "--v1"):
        parser.add_argument(name, action="store_true")
    a = parser.parse_args()
    os.makedirs(a.o)
    with open(a.vol, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["subject", "total intracranial", "left caudate", "brain-stem", "csf"])
        for name in sorted(os.listdir(a.i)):
            image = nib.load(os.path.join(a.i, name))
            data = image.get_fdata()
            if data.max() > 100:
                print("the following problem occurred with image", name)
                continue
            labels = np.where(data > 0.5, 11, 0).astype(np.int32)
            nib.save(nib.Nifti1Image(labels, image.affine), os.path.join(a.o, name.replace(".nii", "_synthseg.nii")))
            table.writerow([name.replace(".nii.gz", ""), 99.0, float((labels == 11).sum()), 2.5, 0.5])
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A `mri_synthseg` on PATH."""
    path = tmp_path / "bin" / "mri_synthseg"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(COMMAND.format(python=sys.executable)).lstrip())
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    return path


@pytest.fixture
def official_file(monkeypatch):
    """Bytes that are taken for the official weights of version 2.0."""
    content = b"the official network"
    facts = (OFFICIAL["2.0"][0], len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(OFFICIAL, "2.0", facts)
    return content


def ball(shape=(20, 24, 18), side=(1.0, 1.0, 1.0), radius_mm=6.0):
    """A bright ball in a scan with voxels of `side` mm."""
    grid = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, side, strict=True)), indexing="ij")
    return (sum(axis**2 for axis in grid) < radius_mm**2).astype(np.float32), np.diag([*side, 1.0])


@pytest.mark.parametrize("engine", ["freesurfer", "upstream"])
def test_a_command_segments_all_scans_in_one_call_and_its_table_gives_the_volumes(
    engine, command, tmp_path, official_file
):
    settings = Segmentation(engine=engine)
    if engine == "upstream":
        clone = tmp_path / "SynthSeg"
        (clone / SCRIPT).parent.mkdir(parents=True)
        (clone / SCRIPT).write_text(command.read_text())
        (clone / "models").mkdir()
        (clone / "models" / OFFICIAL["2.0"][0]).write_bytes(official_file)
        settings = Segmentation(engine=engine, upstream=str(clone), upstream_python=sys.executable)
    check_installed(settings)
    segmenter = open_segmenter(settings, None, "cpu", 1)
    image, affine = ball()
    first, second = segmenter.segment_all([Scan("a", image, affine), Scan("b", 0.9 * image, affine)])
    assert not segmenter.stand_in and segmenter.name.startswith("SynthSeg 2.0 (")
    assert (first.labels == 11 * (image > 0.5)).all() and (second.labels == first.labels).all()
    volumes = dict(zip(segmenter.labels, first.volumes, strict=True))
    assert volumes[11] == image.sum() and volumes[16] == 2.5 and volumes[24] == 0.5 and volumes[2] == 0
    assert sum(volumes.values()) == pytest.approx(image.size)


def test_a_commands_provenance_tells_which_weights_or_which_build_segmented(
    command, tmp_path, monkeypatch, official_file
):
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path))
    segmenter = open_segmenter(Segmentation(engine="freesurfer"), None, "cpu", 1)
    assert "build" not in segmenter.provenance
    (tmp_path / "build-stamp.txt").write_text("freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460\n")
    segmenter = open_segmenter(Segmentation(engine="freesurfer"), None, "cpu", 1)
    assert segmenter.provenance["build"] == "freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460"
    for place in (SCRIPT, Path("models") / OFFICIAL["2.0"][0]):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(official_file)
    settings = Segmentation(engine="upstream", upstream=str(tmp_path), upstream_python=sys.executable)
    used = open_segmenter(settings, None, "cpu", 1).provenance["weights_sha256"]
    assert used == hashlib.sha256(official_file).hexdigest()


def test_a_scan_that_the_command_leaves_out_is_named_with_what_it_said(command):
    segmenter = open_segmenter(Segmentation(engine="freesurfer"), None, "cpu", 1)
    image, affine = ball()
    with pytest.raises(InputError, match="(?s)scan b.*0001.nii.gz"):
        list(segmenter.segment_all([Scan("scan a", image, affine), Scan("scan b", 1000 * image, affine)]))


def test_engines_that_are_not_there_are_told_before_the_first_job(tmp_path, monkeypatch):
    for name in ("SYNTHSEG_HOME", "FREESURFER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for engine, told in (("torch", "f190bfd7"), ("upstream", "clone of github.com"), ("freesurfer", "mri_synthseg")):
        with pytest.raises(InputError, match=f"(?s){told}"):
            check_installed(Segmentation(engine=engine))
    check_installed(Segmentation(engine="standin"))
    clone = tmp_path / "clone"
    (clone / SCRIPT).parent.mkdir(parents=True)
    (clone / SCRIPT).touch()
    with pytest.raises(InputError, match="synthseg_2.0.h5"):
        check_installed(Segmentation(engine="upstream", upstream=str(clone)))
    (clone / "models").mkdir()
    with open(clone / "models/synthseg_2.0.h5", "wb") as file:
        file.truncate(OFFICIAL["2.0"][1])
    with pytest.raises(InputError, match="(?s)clone/models/synthseg_2.0.h5.*another content"):
        check_installed(Segmentation(engine="upstream", upstream=str(clone)))


def test_weights_are_looked_for_in_the_documented_order_and_nothing_stands_in_for_a_wrong_file(
    tmp_path, monkeypatch, official_file
):
    name = OFFICIAL["2.0"][0]
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    places = [tmp_path / "s/models" / name, tmp_path / "f/models" / name, tmp_path / "home/.cache/neuroquant" / name]
    for variable, folder in (("SYNTHSEG_HOME", "s"), ("FREESURFER_HOME", "f")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(official_file)
    (tmp_path / "mine.h5").write_bytes(official_file)
    assert find_official("2.0", str(tmp_path / "mine.h5")) == tmp_path / "mine.h5"
    with pytest.raises(InputError, match="(?s)segmentation.weights.*no such file: .*other.h5"):
        find_official("2.0", str(tmp_path / "other.h5"))
    for place in places:
        assert find_official("2.0", "") == place
        place.write_bytes(official_file[:-1])
        with pytest.raises(InputError, match=f"(?s){place}.*{len(official_file) - 1} bytes.*truncated"):
            find_official("2.0", "")
        place.unlink()
    with pytest.raises(InputError, match=f"(?s){places[0]}, {places[1]}, {places[2]}"):
        find_official("2.0", "")


def test_upstreams_names_are_the_labels_of_the_network():
    assert {label_of(name) for name in ("3rd ventricle", "4th ventricle", "brain-stem", "csf")} == {14, 15, 16, 24}
    assert label_of("left ventral DC") == 28 and label_of("total intracranial") is None
    assert all(label_of(name_of(label)) == label for label in official("2.0"))


def test_a_table_of_volumes_is_read_by_label(tmp_path):
    (tmp_path / "v.csv").write_text("subject,total intracranial,left cerebral cortex,csf\n0000,10,2.5,1\n")
    table = read_volumes(tmp_path / "v.csv")
    assert list(table.columns) == [3, 24] and table.loc["0000"].tolist() == [2.5, 1.0]


@pytest.fixture
def bright(monkeypatch):
    """The official engine with a threshold in place of its network: labels 2 where the image is bright."""
    labels = (0, 2)

    def threshold(network, use, volumes, voxel_mm):
        for volume in volumes:
            found = np.where(volume > 0.5, 2, 0).astype(np.int16)
            yield found, np.array([(found == label).sum() for label in use.labels]) * voxel_mm**3

    monkeypatch.setattr(synthseg, "segment", threshold)
    return TorchSegmenter("SynthSeg 2.0", UNet(2, 2, 2), labels, Segmentation(), "cpu", {})


@pytest.mark.parametrize("side", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0), (2.0, 1.0, 1.0)])
def test_anisotropic_scans_are_segmented_at_1_mm_and_given_back_on_their_own_grid(bright, side):
    shape = tuple(round(28 / s) for s in side)
    image, affine = ball(shape, side, radius_mm=9.0)
    ((labels, volumes),) = bright.segment_all([Scan("scan", image, affine)])
    assert labels.shape == shape
    dice = 2 * ((labels == 2) & (image > 0.5)).sum() / ((labels == 2).sum() + (image > 0.5).sum())
    assert dice > 0.93
    assert volumes[1] == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.1)


@pytest.mark.parametrize("side", [(1.04, 1.04, 1.04), (0.96, 0.96, 0.96), (0.9766, 0.9766, 1.0)])
def test_a_scan_near_enough_to_1_mm_is_not_resampled_and_its_voxels_count_as_what_they_are(bright, side):
    image, affine = ball((20, 24, 18), side)
    turn = nib.eulerangles.euler2mat(0.2, 0.1, 0.0)
    ((labels, volumes),) = bright.segment_all([Scan("scan", image, nib.affines.from_matvec(turn, (0, 0, 0)) @ affine)])
    assert (labels == 2 * (image > 0.5)).all()
    assert volumes[1] == pytest.approx(image.sum() * np.prod(side), rel=1e-5)


def test_resampling_goes_on_at_the_border_as_synthseg_does():
    """Samples at voxel centres of the new grid; beyond the middle of the outermost voxels the value there."""
    line = np.array([3.0, 5.0, 4.0, 8.0, 6.0], np.float32)
    scan = Scan("scan", np.broadcast_to(line[:, None, None], (5, 6, 6)), np.diag([2.0, 1.0, 1.0, 1.0]))
    made = ready(scan)
    expected = np.interp(np.clip(-0.25 + 0.5 * np.arange(10), 0, 4), np.arange(5), line)
    assert made.shape == (10, 6, 6)
    np.testing.assert_allclose(made.get_fdata()[:, 2, 3], expected, atol=5e-3)  # axes of 1 mm get a trace of the blur
    assert made.affine[0, 0] == 1 and made.affine[0, 3] == -0.5


def test_an_anisotropic_oblique_scan_comes_back_on_its_own_grid(bright):
    side = (0.8, 1.0, 2.0)
    image, affine = ball((35, 28, 14), side, radius_mm=9.0)
    turn = nib.eulerangles.euler2mat(0.2, 0.1, 0.3)
    ((labels, volumes),) = bright.segment_all(
        [Scan("scan", image, nib.affines.from_matvec(turn, (3.0, -2.0, 1.0)) @ affine)]
    )
    dice = 2 * ((labels == 2) & (image > 0.5)).sum() / ((labels == 2).sum() + (image > 0.5).sum())
    assert labels.shape == image.shape and dice > 0.93
    assert volumes[1] == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.1)


def test_on_a_gpu_scans_of_one_shape_pass_the_network_together(bright, monkeypatch):
    threshold, groups = synthseg.segment, []

    def watched(network, use, volumes, voxel_mm):
        groups.append(len(volumes))
        return threshold(network, use, volumes, voxel_mm)

    monkeypatch.setattr(synthseg, "segment", watched)
    scans = [Scan(f"scan {n}", *ball((20, 24, 18 if n < 3 else 20))) for n in range(6)]
    found = list(bright.segment_all(scans))
    assert groups == [1] * 6
    groups.clear()
    bright.device, bright.settings = "cuda", Segmentation(batch=2)
    assert groups == [] and all(
        (one.labels == two.labels).all() for one, two in zip(found, bright.segment_all(scans), strict=True)
    )
    assert groups == [2, 1, 2, 1], "a change of shape begins a new group"


@pytest.mark.parametrize("code", ["LPS", "PIR", "SLA"])
def test_any_orientation_is_turned_to_ras_and_back(bright, code):
    image, affine = ball((20, 24, 18))
    image[10:, 12:, :] = 0.0  # nothing symmetric
    scan = nib.Nifti1Image(image, affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(code))
    turned = scan.as_reoriented(turn)
    ((labels, _),) = bright.segment_all([Scan("scan", turned.get_fdata(), turned.affine)])
    assert (labels == 2 * (turned.get_fdata() > 0.5)).all()


def test_an_oblique_scan_of_1_mm_is_not_resampled(bright):
    image, _ = ball()
    turn = nib.eulerangles.euler2mat(0.2, 0.1, 0.0)
    affine = nib.affines.from_matvec(turn, (3.0, -2.0, 1.0))
    made = ready(Scan("scan", image, affine))
    np.testing.assert_array_equal(np.asarray(made.dataobj), image)
    ((labels, _),) = bright.segment_all([Scan("scan", image, affine)])
    assert (labels == 2 * (image > 0.5)).all()


@pytest.mark.parametrize(
    ("volume", "told"),
    [
        (np.zeros((8, 8, 8, 2)), "shape"),
        (np.zeros((0, 8, 8)), "shape"),
        (np.ones((8, 8, 1)), "shape"),
        (np.full((8, 8, 8), np.nan), "512 voxels"),
        (np.ones((8, 8, 8)), "same value"),
    ],
)
def test_what_is_no_scan_is_named_with_its_cause(volume, told):
    with pytest.raises(InputError, match=f"(?s)sub-x.*{told}"):
        checked(Scan("sub-x", volume, np.eye(4)))


def test_a_singular_affine_is_refused_and_a_fourth_axis_of_one_is_dropped():
    image, affine = ball()
    with pytest.raises(InputError, match="singular"):
        checked(Scan("scan", image, np.diag([1.0, 0.0, 1.0, 1.0])))
    assert checked(Scan("scan", image[..., None], affine)).volume.shape == image.shape


def test_labels_on_the_scans_own_grid_are_passed_through():
    labels = np.arange(60).reshape(3, 4, 5).astype(np.int16)
    found = on_grid(nib.Nifti1Image(labels, np.eye(4)), Scan("scan", labels, np.eye(4)))
    assert (found == labels).all()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_official_weights_segment_a_real_brain(version):
    try:
        find_official(version, "")
    except InputError as error:
        pytest.skip(f"official weights of SynthSeg {version} aren't here: {error.found}")
    segmenter = open_segmenter(Segmentation(version=version), None, "cpu", 2)
    from nilearn.datasets import load_mni152_template

    brain = load_mni152_template(resolution=1)
    scan = Scan("ICBM template", brain.get_fdata(dtype=np.float32), brain.affine)
    ((labels, volumes),) = segmenter.segment_all([scan])
    soft = dict(zip(segmenter.labels, volumes, strict=True))
    assert 2500 < soft[11] < 5500 and 45_000 < soft[8] < 90_000
    assert len(np.unique(labels)) >= 31


def test_a_network_saved_by_keras_gives_keras_posteriors():
    """keras.h5 and keras.npz are made by make_keras_fixture.py with TensorFlow 2.15."""
    folder = Path(__file__).parent
    network = UNet(5, 2, 4).eval()
    read_weights(folder / "keras.h5", network)
    with np.load(folder / "keras.npz") as fixture, torch.inference_mode():
        image, expected = torch.from_numpy(fixture["image"]), torch.from_numpy(fixture["posteriors"])
        found = network(image[None, None])[0].softmax(0).movedim(0, -1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() >= 0.9999
    assert len(expected.argmax(-1).unique()) == 5, "every label wins somewhere"
