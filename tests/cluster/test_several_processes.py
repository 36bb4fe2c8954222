"""`compute.gpus` and `compute.nodes`: torchrun over what SLURM gives, with the weights of one process."""

import json

import pytest
import torch
from cluster import CHECKPOINTS, WEIGHTS, Run, copy_without_models, experiment, local, nodes, records
from safetensors.torch import load_file

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
