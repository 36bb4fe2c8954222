"""What the tests of volumes start from."""

import pytest

from tests.volumes.heads import Shard


@pytest.fixture
def shard(tmp_path):
    """An empty shard."""
    return Shard(tmp_path)
