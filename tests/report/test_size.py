"""The report stays under 30 MB at the paper's size: its pieces, made of made-up data, with what embedding adds."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from neuroquant.config.load import load_experiment
from neuroquant.files import write_tsv
from neuroquant.report.figures import figure3, figure4, montage, training_curves
from neuroquant.report.figures.images import Images
from neuroquant.report.figures.style import MANY
from neuroquant.report.package.finish import LIMIT
from neuroquant.report.pages import viewer
from neuroquant.report.pages.figure_page import Said, write_figure_page
from neuroquant.statistics import curves
from neuroquant.statistics.agreement import REGIONS
from neuroquant.statistics.choice import median_session, sessions_to_view
from neuroquant.store.arrays import ArrayWriter, Record
from tests.statistics.test_choice import scores

pytestmark = pytest.mark.slow

SESSIONS = 774
"""Test sessions of a cohort; the paper's largest number."""
LOGGED = 125_000 // 50
"""Models of training.tsv."""
OTHERS = 4_500_000
"""Bytes of a report that hang little on its size: Snakemake's libraries (3.3 MB), tables, pages, smaller figures."""


def head(seed):
    """A volume of the paper's size that compresses as a T1w scan of a large brain does, and a smoother copy of it."""
    generator = np.random.default_rng(seed)
    shape = (144, 192, 144)
    grid = np.meshgrid(*(np.arange(side) - (side - 1) / 2 for side in shape), indexing="ij", sparse=True)
    brain = sum((axis / radius) ** 2 for axis, radius in zip(grid, (66, 84, 62), strict=True)) < 1
    tissue = ndimage.gaussian_filter(generator.standard_normal(shape, np.float32), 2)
    image = 0.1 + 0.35 * tissue / tissue.std() + 0.05 * generator.standard_normal(shape, np.float32)
    image = np.where(brain, np.clip(image, -0.99, 1), -1).astype(np.float32)
    return image, np.where(brain, ndimage.gaussian_filter(image, 1), -1)


def write_shards(folder):
    """Volumes and reconstructions of three sessions."""
    records = [Record("c", who, "1", m, "test", "", "F", 9.0) for who in "abc" for m in ("T1w", "T2w")]
    pairs = [head(row) for row in range(2)]
    for number, name in enumerate(("volumes.h5", "row.h5")):
        with ArrayWriter(folder / name, records) as writer:
            writer.create("image", pairs[0][0].shape, np.float16)
            writer.create("mask", pairs[0][0].shape, np.uint8, compress=True)
            for row in range(len(records)):
                writer.write("image", row, pairs[row % 2][number])
                writer.write("mask", row, pairs[0][0] > -1)
    return folder / "volumes.h5", folder / "row.h5"


def write_regions(path, experiment, sessions=SESSIONS):
    """Regional volumes of every session in both modalities, of the originals and the models of figure 4."""
    generator, tables = np.random.default_rng(0), []
    for region in REGIONS:
        base = pd.DataFrame(
            {"subject": np.repeat([f"s{n}" for n in range(sessions)], 2), "modality": ["T1w", "T2w"] * sessions}
        ).assign(cohort=experiment.figure4.cohort, session="1", family="", region=region, stand_in="")
        truth = generator.normal(5000, 500, len(base))
        tables.append(base.assign(model="reference", mm3=truth))
        for row in experiment.figure4.models:
            tables.append(base.assign(model=row, mm3=truth + generator.normal(0, 100, len(base))))
    write_tsv(pd.concat(tables), path)


def write_curves(folder, experiment):
    """A noisy log of the whole schedule for each model that trains."""
    generator, steps, found = np.random.default_rng(0), np.arange(1, LOGGED + 1) * 50, {}
    for entry in experiment.models:
        if not entry.training.phases:
            continue
        columns = (*training_curves.LOSSES, *training_curves.CODES)
        level = {name: generator.uniform(0.1, 0.2) + 1 / np.sqrt(steps) for name in columns}
        values = {name: mean * (1 + 0.1 * generator.standard_normal(LOGGED)) for name, mean in level.items()}
        path = folder / f"{entry.name}.tsv"
        write_tsv(pd.DataFrame({"step": steps, **values}), path)
        found[entry.shown] = path
    return found


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Bytes of every large piece of the paper's report, all montages together."""
    folder = tmp_path_factory.mktemp("size")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NCANDA_ROOT", "ABCD_ROOT"):
            patch.setenv(name, str(folder))
        experiment = load_experiment("config/config.yaml", "config")
    volumes, copies = write_shards(folder)
    fidelity = scores(folder / "f.tsv", a=(20.0, 21.0), b=(30.0, 31.0), c=(25.0, 26.0))
    write_tsv(pd.DataFrame(columns=["cohort", "subject", "session", "outlier"]), folder / "qc.tsv")
    write_regions(folder / "regions.tsv", experiment)
    rows = experiment.report.figure3_models or experiment.table1.models

    montage.draw([volumes], folder / "qc.tsv", montage.Selection(2, False), [folder / "montage.png"])
    images = Images([volumes], dict.fromkeys(["m", *rows[1:]], [copies]))
    labels = {"m": "m"} | {row: row for row in rows[1:]}
    session = median_session(fidelity, "c", "m")
    figure3.draw(images, labels, experiment.modalities, session, {}, [folder / "figure3.png"])
    shown = {viewer.name_of(one, False): (one.subject, one.session) for one in sessions_to_view(fidelity, "c", "m")}
    alone = Images([volumes], {"m": [copies]})
    viewer.write_viewer(shown, experiment.modalities, "m", alone, folder / "viewer.html")
    figure4.draw(folder / "regions.tsv", experiment, folder / "figure4.png")
    logs = curves.read_logs(write_curves(folder, experiment), {})
    training_curves.draw(logs, training_curves.LOSSES, {}, [folder / "training.png"])
    training_curves.draw(logs, training_curves.CODES, {}, [folder / "codes.png"])
    for name in ("figure3", "figure4", "training", "codes"):
        write_figure_page(name, folder / f"{name}.png", Said([], ""), folder / f"{name}.html")
    shards = experiment.shards.train + experiment.shards.val + experiment.shards.test
    counts = {"montage.png": len(experiment.cohorts) * shards}
    return {
        path.name: path.stat().st_size * counts.get(path.name, 1)
        for path in sorted(folder.iterdir())
        if path.suffix == ".html" or path.name == "montage.png"
    }


def test_the_papers_report_stays_under_30_mb(pieces):
    embedded = {name: 4 / 3 * size for name, size in pieces.items()}
    assert len(pieces) == 6
    assert OTHERS + sum(embedded.values()) < 0.93 * LIMIT, {name: round(size) for name, size in embedded.items()}


def test_a_cloud_of_many_points_is_a_picture_in_vector_graphics_and_still_the_same_bytes(tmp_path, experiment):
    few, many = MANY // 2, MANY // 2 + 1
    drawn = {}
    for sessions, name in ((few, "few"), (many, "one"), (many, "two")):
        write_regions(tmp_path / "regions.tsv", experiment, sessions)
        figure4.draw(tmp_path / "regions.tsv", experiment, tmp_path / f"{name}.svg", tmp_path / f"{name}.pdf")
        drawn[name] = [(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("svg", "pdf")]
    assert drawn["one"] == drawn["two"]
    assert b"<image" not in drawn["few"][0] and len(drawn["one"][0]) < len(drawn["few"][0])
    above = 1 + len(experiment.figure4.models)  # a cloud beside each box; below, a modality's clouds are one picture
    assert drawn["one"][0].count(b"<image") == len(REGIONS) * len(experiment.modalities) * (above + 1)
