"""A disk that fills up while a model trains: a sentence on the screen, and what was finished is still there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuroquant.files import full_disk
from tests.training.helpers import train

pytestmark = pytest.mark.slow

FULL = """
import resource, signal, sys
sys.path.insert(0, {helpers!r})
from pathlib import Path
from types import SimpleNamespace
from tests.training.helpers import train
from neuroquant.job import running
folder, shard, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
logs = [str(folder / "logs/train/model.log")]
job = SimpleNamespace(rule="train", wildcards={{"model": "model"}}, log=logs, threads=1)
with running(job):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    train(folder, shard)
"""


@pytest.mark.parametrize("limit", [100, 2_000, 200_000])
def test_a_full_disk_ends_a_training_in_a_sentence_and_nothing_is_lost(tmp_path, shards, limit):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("of an earlier training")
    code = FULL.format(helpers=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, shards[0], str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no room left for" in done.stderr and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert (tmp_path / "model/config.json").read_text() == "of an earlier training"
    assert not [path for path in tmp_path.rglob("*.part")], "nothing half written is left"
    train(tmp_path, shards[0])  # with room again it goes on


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(28, os.strerror(28)), 28),
        (OSError("file write failed: time = x, errno = 28, error message = 'No space'"), 28),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), 28),
        (OSError(2, os.strerror(2)), 0),
        (ValueError("28"), 0),
    ],
)
def test_libraries_that_hide_the_number_of_a_full_disk_are_understood(error, full):
    assert full_disk(error) == full
