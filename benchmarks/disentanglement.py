"""Does z_anat hold the modality, does z_mod, and what does an image of one modality's anatomy look like in the other?

    python benchmarks/disentanglement.py MODEL_FOLDER SHARD [SHARD ...]

What the workflow measures on the latents of test subjects (neuroquant/evaluation/disentanglement.py), of any model and
shards: how often fresh classifiers guess the modality from a latent, and how many codes T1w and T2w of a session
share, beside those of two subjects in one modality. Then every image is reconstructed from its own codes, and from the
codes of the session's other modality with its own FiLM (equation 13): L1, PSNR (dB) and SSIM against the true image,
over the whole volume. Give shards of sessions that weren't trained on where the errors matter.

Prints a TSV with 95 % bootstrap intervals over families. Models without a modality stream get the first part alone.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from neuroquant.config.evaluation import Statistics
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.disentanglement import Complete, cells_in_brain, measures
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.batch import Batch
from neuroquant.models.latents import Latents
from neuroquant.similarity import psnr, ssim3d
from neuroquant.statistics.intervals import cluster_bootstrap
from neuroquant.store.arrays import ArrayFile
from neuroquant.training.data import Sessions

COLUMNS = ("measure", "of", "by", "value", "low", "high", "subjects")


def whose(shards: list[Path]) -> tuple[list[str], list[np.ndarray | None]]:
    """Family, or subject where there is none, and brain mask (D, H, W) of each session, in the order of `Sessions`."""
    clusters, masks = [], []
    for path in sorted(shards):
        file = ArrayFile(path)
        for rows in file.sessions.values():
            row = next(iter(rows.values()))
            clusters.append(f"{file.records[row].cohort} {file.records[row].family or file.records[row].subject}")
            masks.append(file.read("mask", row) if "mask" in file.names else None)
    return clusters, masks


@torch.no_grad()
def look(
    model: Autoencoder, sessions: Sessions, chosen: list[int], device: str, window: int
) -> tuple[dict[str, list[np.ndarray]], pd.DataFrame]:
    """Latents (C, d, h, w) of all images that are measured, codes where there are any, and errors of every image."""
    latents: dict[str, list[np.ndarray]] = {}
    errors = []
    kind = model.latents_class
    for place, index in enumerate(chosen):
        batch = sessions.volumes([index]).to(device)
        found = model.encode(batch.x, batch.modality)
        names = [*kind.ANATOMY, *kind.APPEARANCE, *([kind.CODES] if model.codes(found) is not None else [])]
        for name, tensor in found.arrays().items():
            if name in names:
                latents.setdefault(name, []).extend(tensor.cpu().numpy())
        errors += [{"session": place, **facts} for facts in errors_of(model, batch, found, window)]
    return latents, pd.DataFrame(errors)


def errors_of(model: Autoencoder, batch: Batch, found: Latents, window: int) -> list[dict]:
    """Errors of all images of a session, from its own codes and, where the model can, from its partner's."""
    images = {"own codes": model.decode(found, batch.modality)}
    if isinstance(model, Swaps):
        anatomy = found.each(lambda tensor: tensor[batch.partner])
        images["swapped codes"] = model.translate(anatomy, model.appearance(found), batch.modality)
    errors = []
    for way, image in images.items():
        image = image.clamp(-1, 1).float()
        scores = {
            "L1": (image - batch.x).abs().flatten(1).mean(1),
            "PSNR": psnr(batch.x, image),
            "SSIM": ssim3d(batch.x, image, window),
        }
        for row, kind in enumerate(batch.modality.tolist()):
            facts = {"modality": model.modalities[kind], "way": way}
            errors += [{**facts, "measure": name, "value": float(v[row])} for name, v in scores.items()]
    return errors


def table(model: Autoencoder, window: int, shards: list[Path], device: str, settings: Statistics) -> pd.DataFrame:
    """All measures of a model, a row each; `window` is the side of SSIM's window in voxels.

    Raises
    ------
    SystemExit
        If fewer than two subjects have all modalities of the model.
    """
    count = len(model.modalities)
    sessions, (clusters, masks) = Sessions(shards, model.modalities), whose(shards)
    chosen = [index for index, images in enumerate(sessions.images) if len(images) == count]
    clusters, masks = np.array([clusters[index] for index in chosen]), [masks[index] for index in chosen]
    if len(set(clusters)) < 2:
        raise SystemExit("the shards hold all modalities of fewer than two subjects")
    latents, errors = look(model, sessions, chosen, device, window)
    codes, inside = latents.pop(model.latents_class.CODES, None), None
    if codes is not None and all(mask is not None for mask in masks):
        inside = np.array([cells_in_brain(mask, codes[0].shape[1:]) for mask in masks])
        codes = np.array(codes).reshape(len(chosen), count, *codes[0].shape)
    roles = {name: "anatomy" if name in model.latents_class.ANATOMY else "appearance" for name in latents}
    complete = Complete(model.modalities, latents, roles, clusters, codes, inside)
    rows = [
        (one["measure"], one["of"], one["by"], one["value"], one["ci_low"], one["ci_high"], one["families"])
        for one in measures(complete, settings)
    ]
    for (measure, modality, way), part in errors.groupby(["measure", "modality", "way"], sort=True):
        found = cluster_bootstrap(part.value.to_numpy(), clusters[part.session], settings)
        rows.append((measure, modality, way, found.value, found.low, found.high, found.n_clusters))
    return pd.DataFrame(rows, columns=COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder, as training writes it")
    parser.add_argument("shards", type=Path, nargs="+", help="shards of volumes")
    parser.add_argument("--bootstrap", type=int, default=2000, help="resamples")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    device = resolve_device(arguments.device)
    model, entry, _ = load_model(arguments.model, device)
    settings = Statistics(bootstrap=arguments.bootstrap)
    found = table(model, entry.objective.ssim_window, arguments.shards, device, settings)
    print(found.to_csv(sep="\t", index=False, float_format="%.4g"), end="")


if __name__ == "__main__":
    main()
