"""One training in several processes, started from one that doesn't train."""

import json
import os
import signal
import sys
import threading

import pytest
from safetensors.torch import load_file

from neuroquant.config.model import Phase, Training
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.training import launch
from neuroquant.training.job_file import JobFile, failure_of
from neuroquant.training.launch import follow, stop_child
from tests.training.helpers import PARAMETERS, SHAPE, make_entry

pytestmark = pytest.mark.slow

PHASES = (Phase(steps=4, batch=2, lr=1e-4, lr_end=1e-4),)


def job(folder, shards, **changes):
    schedule = Training(phases=PHASES, log_every=2, checkpoint_every=3)
    entry = make_entry(training=schedule, **{"parameters": PARAMETERS, **changes})
    folders = {"folder": folder / "model", "checkpoints": folder / "checkpoints"}
    return JobFile(model=entry, volume=Volume(shape=SHAPE), train_shards=shards, device="cpu", **folders)


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def test_two_processes_leave_one_model_folder_and_their_log(tmp_path, shards, capsys):
    launch.launch(job(tmp_path, shards[:1]), processes=2, nodes=1)
    assert load_file(tmp_path / "model/model.safetensors")
    assert json.loads((tmp_path / "model/provenance.json").read_text())["processes"] == 2
    assert "step 4/4" in capsys.readouterr().err


def test_what_a_user_must_read_comes_from_the_processes_whole(tmp_path, shards):
    with pytest.raises(InputError, match="a batch of 2 for 3 processes"):
        launch.launch(job(tmp_path, shards[:1]), processes=3, nodes=1)
    assert failure_of(tmp_path / "checkpoints/job.json").exists()


def test_any_other_end_is_told_with_its_status(tmp_path, shards, monkeypatch):
    monkeypatch.setattr(launch, "torchrun", lambda *arguments: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RuntimeError, match="2 processes of this training ended with status 3"):
        launch.launch(job(tmp_path, shards[:1]), processes=2, nodes=1)


def test_several_nodes_without_slurm_are_refused_with_what_to_do(tmp_path, shards, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match="this isn't a job of SLURM's") as refused:
        launch.launch(job(tmp_path, shards[:1]), processes=2, nodes=2)
    assert "--profile slurm" in str(refused.value)


def test_another_number_of_nodes_than_asked_for_is_refused(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-3]")
    monkeypatch.setattr(launch, "told", lambda *command: "n1\nn2\nn3")
    assert launch.nodes_of_this_job(3) == ["n1", "n2", "n3"]
    with pytest.raises(InputError, match="2, but SLURM gave n1, n2, n3"):
        launch.nodes_of_this_job(2)


WAITS = """
import signal, time
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
print("ready", flush=True)
while not got: time.sleep(0.01)
time.sleep(0.5)  # saves
print("asked", len(got), flush=True)
"""


def test_only_the_first_signal_is_passed_on_and_the_command_is_waited_for(capsys, monkeypatch):
    """SLURM signals every process of a job, some of them twice."""
    ready = threading.Event()
    write = sys.stderr.write

    def heard(text):
        if "ready" in text:
            ready.set()
        return write(text)

    monkeypatch.setattr(sys.stderr, "write", heard)

    def disturb():
        ready.wait(20)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=disturb)
    thread.start()
    assert follow([sys.executable, "-c", WAITS], stop_child, dict(os.environ)) == 0
    thread.join()
    assert "asked 1" in capsys.readouterr().err
