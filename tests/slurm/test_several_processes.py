"""`compute.gpus` and `compute.nodes`: torchrun over what SLURM gives, with the weights of one process."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from tests.slurm.cluster import CHECKPOINTS, WEIGHTS, Run, copy_without_models, experiment, local, nodes, records, slurm

pytestmark = pytest.mark.slow
TOLERANCE = {"atol": 2e-6, "rtol": 1e-4}
"""Float32 sums in another order, over ten steps: that of tests/training/test_distributed.py."""


@pytest.fixture(scope="module")
def alone(straight, tmp_path_factory):
    """Ten steps in one process."""
    folder = copy_without_models(straight, tmp_path_factory.mktemp("alone") / "one")
    local(folder, experiment(4), WEIGHTS)
    return load_file(folder / WEIGHTS)


@pytest.mark.parametrize("count", [1, 2], ids=["one node", "two nodes"])
def test_two_processes_through_slurm_end_with_the_weights_of_one(profile, straight, alone, tmp_path, count):
    if len(nodes()) < count:
        pytest.skip("no two nodes can be had here: a process can't be given a hostname of its own")
    run = Run(copy_without_models(straight, tmp_path / "several"), profile, experiment(4, gpus=2, nodes=count), WEIGHTS)
    run.end()
    torch.testing.assert_close(load_file(run.folder / WEIGHTS), alone, **TOLERANCE)
    assert json.loads((run.folder / WEIGHTS).with_name("provenance.json").read_text())["processes"] == 2
    assert f"gres/gpu=2,mem={6000}M,node={count}" in records(run.job(), "AllocTRES")[0]
    assert not list((run.folder / CHECKPOINTS).glob("*.failure.json"))


def test_a_requeued_training_on_two_nodes_goes_on_on_both_from_its_checkpoint(profile, straight, tmp_path):
    if len(nodes()) < 2:
        pytest.skip("no two nodes can be had here: a process can't be given a hostname of its own")
    config = experiment(30, gpus=2, nodes=2)
    run = Run(copy_without_models(straight, tmp_path / "requeued"), profile, config, WEIGHTS)
    job = run.frozen()
    slurm("scontrol", "requeue", job)
    run.end()
    assert records(job, "State") == ["REQUEUED", "COMPLETED"] and run.job() == job
    assert "going on from step" in (run.folder / "results/tiny/logs/train/neuroquant.log").read_text()
    undisturbed = copy_without_models(straight, tmp_path / "undisturbed")
    local(undisturbed, experiment(30, gpus=2), WEIGHTS)  # both processes here
    again, once = (load_file(folder / WEIGHTS) for folder in (run.folder, undisturbed))
    assert again.keys() == once.keys() and not any(math.isnan(float(value.float().mean())) for value in once.values())
    torch.testing.assert_close(again, once, rtol=0, atol=0)
