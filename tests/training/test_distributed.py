"""Two processes train as one with the whole batch does: same weights, one codebook, one of them writes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from neuroquant import models
from neuroquant.config.model import Phase, Training
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.training import loop, run
from neuroquant.training.__main__ import main
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.distributed import World, buckets, joined
from neuroquant.training.job_file import read_job
from tests.training.helpers import PARAMETERS, SD_VAE, SHAPE, job_of, make_entry, write_volumes

pytestmark = pytest.mark.slow

TOLERANCE = {"atol": 2e-6, "rtol": 1e-4}
"""Float32 sums in another order, over ten steps of Adam at a rate of 1e-4, the codebook started after two."""
VOLUMES = Phase(steps=6, batch=4, lr=1e-4, lr_end=1e-4)
PHASES = (VOLUMES, Phase(mode="2d", steps=4, batch=4, lr=1e-4, lr_end=1e-4))
REPOSITORY = str(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Four sessions, one of them with one modality alone: the processes differ in images and in pairs."""
    return write_volumes(tmp_path_factory.mktemp("mixed") / "mixed.h5", only_t1=1)


def job(folder, shard, val=(), phases=PHASES, **changes):
    """Write a job file; the reservoir is smaller than the tokens of a step, and codes are revived."""
    settings = {"parameters": {**PARAMETERS, "reservoir": 20, "dead_below": 0.3}, **changes}
    schedule = Training(phases=phases, log_every=2, checkpoint_every=3, val_sessions=2)
    values = {
        "model": make_entry(training=schedule, **settings).model_dump(mode="json"),
        "volume": Volume(shape=SHAPE).model_dump(mode="json"),
        "train_shards": [str(shard)],
        "val_shards": [str(path) for path in val],
        "folder": str(folder / "model"),
        "checkpoints": str(folder / "checkpoints"),
        "device": "cpu",
    }
    path = folder / "job.json"
    path.write_text(json.dumps(values))
    return path


def torchrun(*command, processes=2, check=True):
    """Run `command` in two processes; gloo talks over the loopback interface."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": REPOSITORY, "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([*start, *map(str, command)], env=environment, capture_output=True, text=True, timeout=300)
    assert not check or done.returncode == 0, done.stderr[-4000:]
    return done


def by_two(path, *more):
    """Train a job file in two processes, each of which then leaves its state and log in `<job's folder>/rank<n>`."""
    return torchrun(Path(__file__), path, *more, check=not more)


def weights(folder):
    return load_file(folder / "model/model.safetensors")


@pytest.fixture(scope="module")
def both(tmp_path_factory, mixed, shards):
    """Folders of the same training, by one process and by two."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    main([str(job(one, mixed, shards[1:]))])
    by_two(job(two, mixed, shards[1:]))
    return one, two


def test_two_processes_end_with_the_weights_of_one(both):
    one, two = map(weights, both)
    assert one["quantizer.started"]
    torch.testing.assert_close(two, one, **TOLERANCE)


def test_both_processes_hold_the_same_weights_and_codebook_bit_for_bit(both):
    first, second = (load_file(both[1] / f"rank{rank}.safetensors") for rank in (0, 1))
    assert {"quantizer.embedding", "quantizer.recent", "quantizer.count", "quantizer.total"} <= first.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_log_is_that_of_the_whole_batch(both):
    columns = ("step", "loss", "l1", "ssim", "vq", "cross", "adversary", "grad_norm", "usage", "perplexity", "val_psnr")
    one, two = (read_tsv(folder / "model/training.tsv", columns)[list(columns)] for folder in both)
    torch.testing.assert_close(
        torch.tensor(two.to_numpy()), torch.tensor(one.to_numpy()), rtol=2e-4, atol=1e-5, equal_nan=True
    )
    assert json.loads((both[1] / "model/provenance.json").read_text())["processes"] == 2


QUANTIZERS = (
    {"kind": "residual", "stages": 2, "rotation": True}, {"kind": "simvq"}, {"kind": "fsq"},
)  # fmt: skip


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda quantizer: quantizer["kind"])
def test_two_processes_quantise_as_one_whatever_the_quantiser(tmp_path, mixed, quantizer):
    """The same codes in both, bit for bit; their use in the log is that of the whole batch."""
    parameters = {**PARAMETERS, "codebook_size": 16, "quantizer": quantizer}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, start in zip(folders, (lambda path: main([str(path)]), by_two), strict=True):
        folder.mkdir()
        start(job(folder, mixed, parameters=parameters))
    torch.testing.assert_close(weights(folders[1]), weights(folders[0]), **TOLERANCE)
    first, second = (load_file(folders[1] / f"rank{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    one, two = (read_tsv(each / "model/training.tsv", ("usage", "perplexity")) for each in folders)
    for name in ("usage", "perplexity"):
        torch.testing.assert_close(
            torch.tensor(two[name].to_numpy()), torch.tensor(one[name].to_numpy()), rtol=1e-4, atol=1e-5, equal_nan=True
        )
    assert (one.usage.dropna() > 0).any()


def test_pieces_and_processes_go_together(both, tmp_path, mixed):
    by_two(job(tmp_path, mixed, phases=[phase.model_copy(update={"accumulate": 2}) for phase in PHASES]))
    torch.testing.assert_close(weights(tmp_path), weights(both[0]), **TOLERANCE)


def test_a_signal_to_either_process_stops_both_after_the_same_step_and_they_resume_to_the_same_bits(
    both, tmp_path, mixed
):
    path = job(tmp_path, mixed)
    stopped = by_two(path, "1", "5")  # the process that doesn't write gets the signal before its fifth step
    assert stopped.returncode and "SIGTERM at step 5 of 10" in stopped.stderr
    assert [item.name for item in sorted((tmp_path / "checkpoints").iterdir())][-1] == "step-00000005.safetensors"
    said = by_two(path).stderr
    assert said.count("going on from step 5 of 10") == 1
    again, straight = weights(tmp_path), weights(both[1])
    assert all(torch.equal(again[name], straight[name]) for name in straight)


def test_a_model_that_draws_noise_resumes_to_the_same_bits(tmp_path, mixed):
    phases = (VOLUMES.model_copy(update={"mode": "2d"}),)
    ends = []
    for name, signals in (("straight", ()), ("stopped", ("0", "4"))):
        (tmp_path / name).mkdir()
        path = job(tmp_path / name, mixed, phases=phases, architecture="baselines.sd_vae", parameters=SD_VAE)
        if signals:
            assert by_two(path, *signals).returncode
        by_two(path)
        ends.append(weights(tmp_path / name))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_torchrun_takes_the_package_and_one_file(tmp_path, mixed):
    torchrun("-m", "neuroquant.training", job(tmp_path, mixed, phases=(VOLUMES,)))
    assert (tmp_path / "model/model.safetensors").is_file()


def test_every_session_of_a_step_is_in_one_process(mixed):
    def read(world, mode):
        with Loader(Sessions([mixed]), Phase(mode=mode, steps=2, batch=4), 0, 0, None, world=world) as loader:
            return loader.batch(1)

    for mode in ("2d", "3d"):
        whole, first, second = (read(world, mode) for world in (World(), World(0, 2), World(1, 2)))
        assert torch.equal(torch.cat([first.x, second.x]), whole.x) and len(first.sessions) == 2
        assert first.share + second.share == pytest.approx(1) and whole.share == 1
        assert first.paired_share + second.paired_share == pytest.approx(1)


def test_a_batch_that_cannot_be_dealt_out_evenly_is_refused(tmp_path, mixed):
    values = read_job(job(tmp_path, mixed))
    with pytest.raises(InputError, match="a batch of 4 for 3 processes with accumulate: 1"):
        run.train(job_of(values.model, [mixed], tmp_path), World(0, 3))


def test_gradients_travel_in_groups_of_limited_size():
    tensors = [torch.zeros(size) for size in (3, 3, 9, 1, 1)]
    assert [[len(tensor) for tensor in group] for group in buckets(tensors, 6)] == [[3, 3], [9], [1, 1]]


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as world:
        assert world.leads and world.size == 1 and not torch.distributed.is_initialized()


def test_a_job_file_with_an_error_says_where(tmp_path, mixed):
    path = job(tmp_path, mixed)
    told = json.loads(path.read_text())
    told["foldre"] = told.pop("folder")
    path.write_text(json.dumps(told))
    with pytest.raises(SystemExit, match="job.json: folder"):
        main([str(path)])


def disturbed_main(path: str, rank: str = "", at: str = "0") -> None:
    """What `torchrun` runs for `by_two`: train; with `rank` and `at`, that process gets a SIGTERM before that step."""
    step, built, own, calls = loop.train_step, [], os.environ["RANK"], []

    def train_step(*arguments):
        calls.append(1)
        if own == rank and len(calls) == int(at):
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    build = models.build
    loop.train_step = train_step
    models.build = lambda *arguments: built.append(build(*arguments)) or built[0]
    main([path])
    save_file(built[0].state_dict(), Path(path).parent / f"rank{own}.safetensors")


if __name__ == "__main__":
    disturbed_main(*sys.argv[1:])
