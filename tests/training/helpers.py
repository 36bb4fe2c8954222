"""Tiny volumes on disk."""

from pathlib import Path

import numpy as np

from neuroquant.volumes.store import ArrayWriter, Geometry, Record

EYE = tuple(map(tuple, np.eye(4).tolist()))
SHAPE = (16, 16, 16)


def write_volumes(path: Path, split: str = "train", subjects: int = 4, seed: int = 0, only_t1: int = 0) -> Path:
    """A shard of smooth blobs whose T2w is the inverted T1w; the last `only_t1` subjects have no T2w."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    records, images, masks = [], [], []
    for subject in range(subjects):
        centre = generator.uniform(-0.2, 0.2, 3)
        radius = np.sqrt(((grid - centre[:, None, None, None]) ** 2).sum(0))
        mask = radius < 0.8
        for modality, value in (("T1w", 1 - 2 * radius), ("T2w", 2 * radius - 1)):
            if modality == "T2w" and subject >= subjects - only_t1:
                continue
            sex = "FM"[subject % 2]
            geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 100.0))
            records.append(Record("c", f"s{split}{subject}", "1", modality, split, "", sex, 20.0, geometry))
            images.append(np.where(mask, np.clip(value, -0.95, 1), -1))
            masks.append(mask)
    attributes = {"range": [-1, 1], "has_labels": [False] * len(records), "voxel_mm": 1.0}
    with ArrayWriter(path, records, attributes) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("mask", SHAPE, np.uint8, compress=True)
        for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
            writer.write("image", row, image)
            writer.write("mask", row, mask)
    return path
