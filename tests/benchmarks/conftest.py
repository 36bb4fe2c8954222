"""One thread, and the demo's model, for the tests of benchmarks."""

import pytest
import torch

from tests.benchmarks.scripts import entries


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_entry():
    """NeuroQuant at the demo's size, its codebook started from the first step."""
    (entry,) = entries.load_models(["neuroquant"], demo_size=True)
    return entries.with_parameters(entry, start_after=0)
