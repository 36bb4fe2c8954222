"""What a row costs is read from its reconstructions, shard by shard."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.reporting.rate import COSTS, costs, draw, write_costs
from neuroquant.volumes.store import ArrayWriter, Record

SHAPE = (4, 6, 4)


def shard(path, model, rows, seconds, kbit=2.4, cohort="embedded_a"):
    """Reconstructions of `rows` volumes that took `seconds` each to encode, and twice that to decode."""
    records = [Record(cohort, f"s{number}", "1", "T1w", "test", "", "F", 9.0) for number in range(rows)]
    facts = {"model": model, "factor": 16, "kbit_per_volume": kbit, "parameters": 1234}
    with ArrayWriter(path, records, facts) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.note(encode_s=seconds, decode_s=2 * seconds)
    return path


@pytest.fixture
def shards(tmp_path):
    return [
        shard(tmp_path / "a.h5", "neuroquant", 3, 1.0),
        shard(tmp_path / "b.h5", "neuroquant", 1, 5.0),
        shard(tmp_path / "c.h5", "sd_vae", 2, 1.0, kbit=48.0),
        shard(tmp_path / "empty.h5", "sd_vae", 0, 1.0),
    ]


def test_costs_are_means_over_volumes_and_bits_a_voxel_follow_from_the_shape(shards):
    table = costs(shards)
    assert list(table.columns) == COSTS and list(table.model) == ["neuroquant", "sd_vae"]
    first = table.iloc[0]
    assert first.encode_s == pytest.approx(2.0) and first.decode_s == pytest.approx(4.0)
    assert first.bits_per_voxel == pytest.approx(2400 / np.prod(SHAPE))


def test_page_and_figure_are_written_also_without_dice(shards, experiment, tmp_path):
    table = write_costs(experiment, shards, tmp_path / "costs.csv", tmp_path / "costs.html")
    page = (tmp_path / "costs.html").read_text()
    assert "48.0" in page and "1,234" in page and "Embedded A" in page
    cell = {"cohort": "embedded_a", "metric": "psnr", "value": 20.0, "ci_low": 19.0, "ci_high": 21.0}
    cells = pd.DataFrame(
        [{**cell, "model": m, "modality": k} for m in ("neuroquant", "sd_vae") for k in ("T1w", "T2w")]
    )
    for name in "ab":
        draw(experiment, table, cells, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert "not measured" not in page and (tmp_path / "a.svg").stat().st_size > 1000
