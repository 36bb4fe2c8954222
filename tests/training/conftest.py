"""One small cohort for all tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """A training and a validation shard."""
    from tests.training.helpers import write_volumes

    folder = tmp_path_factory.mktemp("shards")
    return write_volumes(folder / "train.h5"), write_volumes(folder / "val.h5", "val", 2, 1)
