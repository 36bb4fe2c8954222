"""Killed at any moment, a training goes on to the bits of one that was left in peace: real processes, real signals."""

import os
import random
import signal
import sys
import time
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file, save_file

from neuroquant.training import checkpoint, loop
from tests.training.helpers import STEPS, make_entry, train

MOMENTS = 12
LAST_OF_VOLUMES = 6
ENDS: list[int] = []


def in_a_process(folder, shard, told=None):
    """Train in a process of its own, which writes a byte to `told` as each step begins; returns its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:  # the child never returns into the test
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - past pytest's capture
        torch.manual_seed(random.SystemRandom().randrange(2**31))  # a new process's generator is where it likes
        step = loop.train_step

        def telling(*arguments):
            if told is not None:
                os.write(told, b".")
            return step(*arguments)

        loop.train_step = telling
        train(folder, shard, entry=make_entry())
        code = 0
    except loop.Interrupted:
        code = 3
    finally:
        os._exit(code)


def end_of(process):
    """Its exit code; negative: the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.fixture(scope="module")
def peace(tmp_path_factory, shards):
    """Folder of an undisturbed training, and how long a step took, with what comes between steps."""
    train(tmp_path_factory.mktemp("warm"), shards[0])  # so that a child finds everything imported
    folder = tmp_path_factory.mktemp("peace")
    heard, told = os.pipe()
    process = in_a_process(folder, shards[0], told)
    os.close(told)
    times = []
    while os.read(heard, 1):
        times.append(time.monotonic())
    assert end_of(process) == 0 and len(times) == STEPS
    return folder, (times[-1] - times[0]) / (STEPS - 1)


def same_end(folder, peace):
    """Weights by their bytes; optimizer, generators and codebook by the tensors of the last checkpoint."""
    name = f"checkpoints/step-{STEPS:08d}.safetensors"
    one, two = load_file(folder / name), load_file(peace / name)
    weights = "model/model.safetensors"
    return (folder / weights).read_bytes() == (peace / weights).read_bytes() and (
        one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", range(MOMENTS))
def test_killed_or_stopped_at_a_random_moment_it_ends_with_the_same_bits(tmp_path, shards, peace, number):
    chance = random.Random(number)
    how = (signal.SIGKILL, signal.SIGTERM)[number % 2]
    step = 1 + number * (STEPS - 1) // MOMENTS  # moments all over both phases
    heard, told = os.pipe()
    process = in_a_process(tmp_path, shards[0], told)
    os.close(told)
    for _ in range(step):
        assert os.read(heard, 1)
    time.sleep(chance.random() * peace[1])
    os.kill(process, how)
    code = end_of(process)
    assert code in ({signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 3}[how], 0)  # 0: it was sooner than the signal
    ENDS.append(code)
    os.close(heard)
    if code == 3:
        assert checkpoints(tmp_path), "SIGTERM lets the step finish and saves"
    assert end_of(in_a_process(tmp_path, shards[0])) == 0
    assert same_end(tmp_path, peace[0])


def test_the_moments_lie_in_both_phases_and_most_signals_came_in_time():
    phases = Counter(1 + number * (STEPS - 1) // MOMENTS > LAST_OF_VOLUMES for number in range(MOMENTS))
    assert min(phases.values()) >= 3
    if len(ENDS) == MOMENTS:
        assert ENDS.count(-signal.SIGKILL) >= 4 and ENDS.count(3) >= 4


@pytest.mark.parametrize(
    ("nth", "share"),
    [(1, 0.5), (2, 0.0), (2, 0.5), (2, 1.0), (3, 1.0)],
    ids=["first, half", "second, nothing", "second, half", "second, all but the name", "third, all but the name"],
)
def test_killed_while_a_checkpoint_is_written_it_goes_on_from_the_one_before(
    tmp_path, shards, peace, monkeypatch, nth, share
):
    calls = []

    def torn(tensors, path, metadata):
        calls.append(1)
        save_file(tensors, path, metadata=metadata)
        if len(calls) == nth:
            os.truncate(path, int(share * os.path.getsize(path)))
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(checkpoint, "save_file", torn)
    assert end_of(in_a_process(tmp_path, shards[0])) == -signal.SIGKILL
    assert len(checkpoints(tmp_path)) == nth - 1, "the torn one has no name that counts"
    monkeypatch.undo()
    assert end_of(in_a_process(tmp_path, shards[0])) == 0
    assert same_end(tmp_path, peace[0])
    assert not list((tmp_path / "checkpoints").glob(".*")), "and what it left is swept up"


def checkpoints(folder):
    """Names that a later run would take up."""
    return sorted(path.name for path in (folder / "checkpoints").glob("step-*.safetensors"))
