"""Label maps of a ball with a core, in a left and a right half, and shards of them."""

import numpy as np

from neuroquant.store.arrays import ArrayWriter, Geometry, Record

EYE = tuple(map(tuple, np.eye(4).tolist()))
SHAPE = (16, 16, 16)


def truth(shift=0):
    """A left and a right half ball with a core."""
    grid = np.stack(np.meshgrid(*(np.arange(16) - 7.5 for _ in range(3)), indexing="ij"))
    radius = np.sqrt((grid**2).sum(0))
    labels = np.where(radius < 6.5 - shift, np.where(grid[0] < 0, 2, 41), 0)
    return np.where(radius < 3, np.where(grid[0] < 0, 11, 50), labels).astype(np.int16)


def write_shard(path, split):
    records, maps = [], []
    for subject in range(3):
        geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 1.0))
        records.append(Record("c", f"s{subject}", "1", "T1w", split, "", "F", 9.0, geometry))
        maps.append(truth(shift=0.5 * subject))
    with ArrayWriter(path, records, {"has_labels": [True] * 3}) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("labels", SHAPE, np.int16, compress=True)
        for row, labels in enumerate(maps):
            values = np.select([np.isin(labels, (2, 41)), np.isin(labels, (11, 50))], [0.9, 0.4], 0.0)
            writer.write("image", row, values * 2 - 1)
            writer.write("labels", row, labels)
    return path
