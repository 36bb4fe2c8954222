"""Scores of trained models on real scans that none of them was trained on.

    python benchmarks/pretrained.py MODELS [--volumes FILE.npz] [--pictures FOLDER]

MODELS is a folder of model folders that take the same volumes, as an experiment's `models/`. Every scan of
$NEUROQUANT_TESTDATA/bids_real is prepared as the first model prepares its scans, and each model encodes and decodes it.
Prints a TSV line for each scan and model, then the mean of each model and modality: PSNR (dB) and SSIM of the whole
volume, and kbit per volume. `lowpass_N` are means over cubes of N voxels, interpolated back (float32).
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from neuroquant import models
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.similarity import psnr, ssim3d
from neuroquant.tokenizer.encoding import Preparation
from neuroquant.tokenizer.given import one_scan
from neuroquant.tokenizer.tokenizer import Tokenizer

LOWPASS = (2, 4, 8)
"""Sides of the cubes, voxels, of the low-pass models that are scored beside."""
WINDOW = 11


def prepared(folder: Path, cache: Path | None) -> dict[str, tuple[int, np.ndarray]]:
    """Name of each scan that can be used -> its modality's position, and its volume (D, H, W)."""
    if cache and cache.is_file():
        stored = np.load(cache)
        return {name: (int(stored[name][0].flat[0]), stored[name][1]) for name in stored.files}
    model = Tokenizer(folder, "cpu")
    preparation = Preparation(model.entry, model.volume, model.finders, model.voxel_mm)
    volumes = {}
    for path in sorted(Path(os.environ["NEUROQUANT_TESTDATA"], "bids_real").glob("sub-*/**/anat/*.nii.gz")):
        scan = preparation.prepared(one_scan(path, None, None, None))
        volumes[path.name.removesuffix(".nii.gz")] = (scan.modality, scan.image.astype(np.float32))
    if cache:
        np.savez(cache, **{name: np.stack([np.full_like(v, m), v]) for name, (m, v) in volumes.items()})
    return volumes


def to_score(folder: Path) -> dict[str, Autoencoder]:
    """Name -> model, and the low-pass models beside."""
    found = {path.parent.name: load_model(path.parent)[0] for path in sorted(folder.glob("*/model.safetensors"))}
    modalities = next(iter(found.values())).modalities
    for side in LOWPASS:
        found[f"lowpass_{side}"] = models.build("baselines.lowpass", {"factor": side}, modalities).eval()
    return found


@torch.no_grad()
def reconstructed(model: Autoencoder, volume: np.ndarray, modality: int) -> torch.Tensor:
    """A volume (1, 1, D, H, W) through a model, in [-1, 1]."""
    x, index = torch.from_numpy(volume)[None, None], torch.tensor([modality])
    depth, height, width = volume.shape
    return model.decode(model.encode(x, index), index)[..., :depth, :height, :width].clamp(-1, 1)


def picture(rows: list[list[np.ndarray]], path: Path) -> None:
    """Three planes of each volume side by side, a row for each list: the scan, then what each model makes of it."""
    from PIL import Image

    lines = []
    for volumes in rows:
        planes = [np.rot90(np.take(v, v.shape[a] // 2, a)) for v in volumes for a in range(3)]
        height = max(plane.shape[0] for plane in planes)
        lines.append(np.hstack([np.pad(p, ((0, height - len(p)), (0, 1)), constant_values=-1) for p in planes]))
    pixels = ((np.clip(np.vstack(lines), -1, 1) + 1) * 127.5).astype(np.uint8)
    Image.fromarray(pixels).resize((pixels.shape[1] * 2, pixels.shape[0] * 2)).save(path)


def scores(
    scored: dict[str, Autoencoder], volumes: dict[str, tuple[int, np.ndarray]], first: str, pictures: Path | None
) -> pd.DataFrame:
    """A row for each scan and model; pictures of each modality beside the mean image and `first`."""
    lines, rows = [], {}
    for name, (modality, volume) in volumes.items():
        shown, suffix = {"scan": volume}, scored[first].modalities[modality]
        x = torch.from_numpy(volume)[None, None]
        for model_name, model in scored.items():
            y = reconstructed(model, volume, modality)
            line = {"scan": name, "modality": suffix, "model": model_name, "kbit": model.bits(volume.shape) / 1000}
            lines.append(line | {"psnr": float(psnr(x, y)), "ssim": float(ssim3d(x, y, WINDOW))})
            shown[model_name] = y[0, 0].numpy()
        rows.setdefault(suffix, []).append([shown[kind] for kind in ("scan", first, "mean") if kind in shown])
    for suffix, volumes_of in rows.items():
        if pictures:
            picture(volumes_of[:: max(1, len(volumes_of) // 4)], pictures / f"{suffix}.png")
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--first", default="neuroquant", help="the model that prepares the scans")
    parser.add_argument("--volumes", type=Path, help="where prepared volumes are kept for the next run")
    parser.add_argument("--pictures", type=Path, help="folder that receives a picture of each modality")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scored = to_score(arguments.models)
    volumes = prepared(arguments.models / arguments.first, arguments.volumes)
    table = scores(scored, volumes, arguments.first, arguments.pictures)
    print(table.round(3).to_csv(sep="\t", index=False))
    means = table.groupby(["modality", "model"], sort=False)[["kbit", "psnr", "ssim"]].agg("mean")
    print(means.assign(scans=table.groupby(["modality", "model"]).size()).round(3).to_csv(sep="\t"))


if __name__ == "__main__":
    main()
