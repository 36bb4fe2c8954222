"""Metrics beside PSNR and SSIM agree with independent implementations, or with what can be computed by hand."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, gaussian_laplace
from skimage.metrics import normalized_mutual_information

from neuroquant.config.evaluation import Fidelity
from neuroquant.errors import InputError
from neuroquant.evaluation import fidelity, rulers
from neuroquant.evaluation.anatomy.errors import errors, score_errors
from neuroquant.files import read_tsv
from neuroquant.perceptual import LPIPS, planes
from neuroquant.statistics.metrics import ALWAYS, check_metrics, of_source
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from tests.made_up import experiment  # noqa: F401
from tests.training.helpers import write_volumes
from tests.training.test_judges import narrow  # noqa: F401

torch.set_num_threads(1)


def smooth(shape, seed=0, sigma=1.5):
    """An image (1, 1, D, H, W) in [-1, 1] whose ends are reached."""
    image = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    image = 2 * (image - image.min()) / (image.max() - image.min()) - 1
    return torch.from_numpy(image).float()[None, None]


@pytest.fixture(scope="module")
def pair():
    x = smooth((48, 52, 44))
    y = (x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)
    return x, y


@pytest.mark.parametrize(("shape", "scales"), [((48, 52, 44), 3), ((24, 24, 24), 2), ((20, 20, 20), 1)])
def test_ms_ssim_agrees_with_monai(shape, scales):
    from monai.metrics import MultiScaleSSIMMetric

    x = smooth(shape)
    y = (x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)
    assert rulers.number_of_scales(shape, 11) == scales
    weights = np.array(rulers.SCALES[:scales])
    weights = tuple(weights / weights.sum())
    theirs = MultiScaleSSIMMetric(spatial_dims=3, data_range=2.0, kernel_size=11, kernel_sigma=1.5, weights=weights)
    assert rulers.ms_ssim(x, y, None, 11).item() == pytest.approx(theirs(x, y).item(), abs=2e-5)


def test_all_five_scales_have_the_published_weights_where_the_image_has_room():
    assert rulers.number_of_scales((192, 192, 192), 11) == 5 and sum(rulers.SCALES) == pytest.approx(1, abs=1e-3)


def test_nmi_agrees_with_scikit_image_and_ignores_an_inverted_contrast(pair):
    x, y = pair
    x, y = x.clone(), y.clone()
    for image in (x, y):
        image[0, 0, 0, 0, :2] = torch.tensor([-1.0, 1.0])  # scikit-image's histograms end at the image's own range
    expected = normalized_mutual_information(x[0, 0].double().numpy(), y[0, 0].double().numpy(), bins=rulers.BINS)
    assert rulers.nmi(x, y, None, 11).item() == pytest.approx(expected, abs=1e-4)
    assert rulers.nmi(x, -x, None, 11).item() > 1.9 > rulers.nmi(x, y, None, 11).item()


def test_hfen_agrees_with_scipys_laplacian_of_gaussian(pair):
    x, y = (image[0, 0].double().numpy() for image in pair)
    edges = [gaussian_laplace(image, rulers.EDGE_SIGMA) for image in (x - y, x)]
    expected = np.linalg.norm(edges[0]) / np.linalg.norm(edges[1])
    assert rulers.hfen(*pair, None, 11).item() == pytest.approx(expected, rel=1e-4)


def test_sharpness_of_a_ramp_of_half_the_slope_is_a_quarter_and_of_twice_the_slope_too():
    x = torch.linspace(-0.5, 0.5, 16)[None, None, :, None, None].expand(1, 1, 16, 8, 8).clone()
    assert rulers.sharpness(x, x / 2, None, 11).item() == pytest.approx(0.25, rel=1e-5)
    assert rulers.sharpness(x, 2 * x, None, 11).item() == pytest.approx(0.25, rel=1e-5)
    assert rulers.sharpness(x, torch.zeros_like(x), None, 11).item() == 0


def test_blur_costs_sharpness_much_more_than_ssim(pair):
    x = pair[0]
    y = torch.from_numpy(gaussian_filter(x[0, 0].numpy(), 1.5))[None, None]
    scores = fidelity.scores(x, y, np.ones(x.shape[2:]), fidelity.Scoring.of(Fidelity()))
    assert scores["whole", "sharpness"] < 0.5 * scores["whole", "ssim"] and scores["whole", "hfen"] > 0.4


def test_equal_images_are_perfect_in_every_region_and_a_spoilt_one_only_where_it_is_spoilt(pair):
    x = pair[0]
    mask = np.zeros(x.shape[2:])
    mask[:, :, 22:] = 1
    same = fidelity.scores(x, x.clone(), mask, fidelity.Scoring.of(Fidelity()))
    best = {"psnr": np.inf, "ssim": 1, "ms_ssim": 1, "nmi": 2, "mae": 0, "sharpness": 1, "hfen": 0}
    assert {name for _, name in same} == set(best)
    assert all(value == pytest.approx(best[name], abs=1e-5) for (_, name), value in same.items())
    spoilt = x.clone()
    spoilt[..., :8] = 0
    partly = fidelity.scores(x, spoilt, mask, fidelity.Scoring.of(Fidelity()))
    for name in ("psnr", "nmi", "mae", "sharpness"):
        assert partly["brain", name] == pytest.approx(best[name], abs=1e-5) != partly["whole", name], name


def test_only_what_is_chosen_is_computed_beside_psnr_and_ssim(pair):
    mask = np.ones(pair[0].shape[2:])
    chosen = fidelity.scores(*pair, mask, fidelity.Scoring.of(Fidelity(metrics=("nmi",))))
    assert {name for _, name in chosen} == {"psnr", "ssim", "nmi"}


def test_the_registry_and_the_functions_know_the_same_metrics():
    assert {one.name for one in of_source("fidelity")} == {*fidelity.MEASURES, fidelity.LEARNED}
    assert set(ALWAYS) == set(fidelity.ALWAYS)


def test_lpips_is_a_mean_over_slices_of_three_planes(narrow, pair):  # noqa: F811
    network = LPIPS(*narrow)
    x, y = (image[..., :32, :32, :32].contiguous() for image in pair)
    slices = torch.linspace(0, 31, 16).round().long()
    by_hand = [
        np.mean([float(network(x.select(a, n), y.select(a, n))) for n in slices.tolist()]) for a in (2, 3, 4)
    ]  # fmt: skip
    assert planes(network, x, y) == pytest.approx(np.mean(by_hand), rel=1e-4)
    assert planes(network, x, x) == 0
    inside = torch.zeros_like(x, dtype=torch.bool)
    inside[..., 8:24] = True
    outside = torch.where(inside, x, y)
    assert planes(network, x, outside, inside) == 0 < planes(network, x, outside)


def test_errors_by_structure_are_those_of_its_voxels():
    generator = np.random.default_rng(0)
    labels = generator.choice([0, 2, 3, 10], size=(6, 7, 8))
    x = generator.uniform(-1, 1, labels.shape).astype(np.float32)
    y = (x + 0.1 * (labels == 2) - 0.4 * (labels == 10)).astype(np.float32)
    rows = {row["structure"]: row for row in errors(x, y, labels, (2, 3, 10, 41))}
    assert 41 not in rows, "no voxel has it"
    assert rows[2]["mae"] == pytest.approx(0.1, abs=1e-6)
    assert rows[2]["psnr"] == pytest.approx(10 * np.log10(400), abs=1e-3)
    assert rows[3]["mae"] == 0 and np.isinf(rows[3]["psnr"])
    inside = labels > 0
    assert rows["mean"]["mae"] == pytest.approx(np.abs(x - y)[inside].mean(), abs=1e-6)
    assert rows["mean"]["psnr"] == pytest.approx(10 * np.log10(4 / np.square(x - y)[inside].mean()), abs=1e-3)


def test_structure_errors_are_of_the_originals_segmentation_and_of_the_models_that_take_the_image(tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    other = write_volumes(tmp_path / "r.h5", "test", 2, 1)
    source = ArrayFile(volumes)
    attributes = {"labels": [0, 2, 10], "engine": "atlas", "stand_in": True}
    with ArrayWriter(tmp_path / "s.h5", list(source.records), attributes) as writer:
        labels = np.full(source.view("image").shape[1:], 2, np.int16)
        labels[0] = 0
        writer.create("labels", labels.shape, np.int16)
        for row in range(len(source)):
            writer.write("labels", row, labels)
    score_errors(volumes, tmp_path / "s.h5", {"m": other, "same": volumes}, (), tmp_path / "e.tsv")
    table = read_tsv(tmp_path / "e.tsv", ("mae", "psnr"))
    assert {"2", "mean"} <= set(table.structure) and "10" not in set(table.structure), "no voxel has label 10"
    assert (table.stand_in == "atlas").all() and (table[table.model == "same"].mae == 0).all()
    x, y = (ArrayFile(path).view("image")[0].astype(float)[1:] for path in (volumes, other))
    first = table[(table.model == "m") & (table.structure == "mean")].iloc[0]
    assert first.mae == pytest.approx(np.abs(x - y).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("fidelity_metrics", "table_metrics", "key"),
    [(("nim",), (), "fidelity.metrics"), ((), ("lpips",), "table1.metrics"), (("nmi",), ("hfen",), "table1.metrics"),
     (("accuracy",), (), "fidelity.metrics"), ((), ("msssim",), "table1.metrics")],
)  # fmt: skip
def test_a_metric_that_no_one_knows_or_computes_is_refused(experiment, fidelity_metrics, table_metrics, key):  # noqa: F811
    asked = experiment.model_copy(
        update={
            "fidelity": Fidelity(metrics=fidelity_metrics),
            "table1": experiment.table1.model_copy(update={"metrics": table_metrics}),
        }
    )
    with pytest.raises(InputError, match=key):
        check_metrics(asked)


def test_known_metrics_are_accepted(experiment):  # noqa: F811
    table = experiment.table1.model_copy(update={"metrics": ("ms_ssim", "nsd", "lpips")})
    check_metrics(experiment.model_copy(update={"fidelity": Fidelity(metrics=("ms_ssim", "lpips")), "table1": table}))
