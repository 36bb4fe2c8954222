"""Does z_anat hold the modality, does z_mod, and what does an image of one modality's anatomy look like in the other?

    python benchmarks/disentanglement.py MODEL_FOLDER SHARD [SHARD ...]

Two classifiers, fresh ones each time, guess the modality from a latent: logistic regression on the pooled latent, and
a small convolutional network. Folds keep subjects (families, where known) whole, and every fold has its own pairs, so
that chance is 0.5: the goal for z_anat and z_q, while z_mod should tell. Then every image is reconstructed from its own
codes, and from the codes of the session's other modality with its own FiLM (equation 13): L1, PSNR (dB) and SSIM
against the true image, over the whole volume. Give shards of sessions that weren't trained on where the errors matter.

Prints a TSV with 95 % bootstrap intervals over subjects. Models without a modality stream get the first part alone.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.model_selection import GroupKFold
from torch import Tensor, nn

from neuroquant.config.evaluation import Statistics
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.linear_probe import fit_linear, pooled
from neuroquant.evaluation.samples import Sample, standardiser
from neuroquant.evaluation.statistics import cluster_bootstrap
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import MODALITIES, Autoencoder
from neuroquant.similarity import psnr, ssim3d
from neuroquant.training.data import Batch, Sessions
from neuroquant.volumes.store import ArrayFile

LATENTS = ("z_anat", "z_q", "z_mod")
COLUMNS = ("measure", "of", "by", "value", "low", "high", "subjects")
FOLDS = 5
WIDTH, STEPS, BATCH, RATE = 32, 150, 32, 3e-3
"""The convolutional classifier: channels, steps, images a step, AdamW's learning rate at the start."""

Fitted = Callable[[Tensor], np.ndarray]
"""From latents (N, C, d, h, w) to the probability of the second modality, (N,)."""


def clusters_of(shards: list[Path]) -> list[str]:
    """Family, or subject where there is none, of each session, in the order of `Sessions`."""
    found = []
    for path in sorted(shards):
        file = ArrayFile(path)
        for rows in file.sessions.values():
            record = file.records[next(iter(rows.values()))]
            found.append(f"{record.cohort} {record.family or record.subject}")
    return found


def paired(sessions: Sessions, clusters: list[str]) -> tuple[list[int], list[str]]:
    """The sessions with both modalities, and whose they are."""
    kept = [index for index, images in enumerate(sessions.images) if len(images) == len(MODALITIES)]
    return kept, [clusters[index] for index in kept]


def fit_line(x: Tensor, y: Tensor, clusters: np.ndarray) -> Fitted:
    """The linear probe on latents x (N, C, d, h, w) with y (N,), 0 or 1."""
    (line,) = fit_linear(pooled(x), y, clusters)
    return lambda values: line(pooled(values))


def fit_network(x: Tensor, y: Tensor, device: str) -> Fitted:
    """A small convolutional network on latents x (N, C, d, h, w) with y (N,), 0 or 1."""
    torch.manual_seed(0)
    scale = standardiser(Sample([*x.numpy()], y, [], ""), BATCH)
    network = nn.Sequential(
        nn.Conv3d(x.shape[1], WIDTH, 3, padding=1),
        nn.GroupNorm(4, WIDTH),
        nn.SiLU(),
        nn.Conv3d(WIDTH, WIDTH, 3, padding=1),
        nn.SiLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, 1),
    ).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    x, y = scale(x).to(device), y.to(device)
    for _ in range(STEPS):
        rows = torch.randint(len(y), (min(BATCH, len(y)),)).to(device)
        loss = F.binary_cross_entropy_with_logits(network(x[rows])[:, 0], y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()

    @torch.inference_mode()
    def predict(values: Tensor) -> np.ndarray:
        return (
            torch.cat([network(part.to(device))[:, 0].cpu() for part in scale(values).split(BATCH)]).sigmoid().numpy()
        )

    return predict


def right(
    x: Tensor, y: Tensor, clusters: np.ndarray, fit: Callable[[Tensor, Tensor, np.ndarray], Fitted]
) -> np.ndarray:
    """Whether each row's modality is guessed by a classifier that hasn't seen its subject, (N,); a tie counts half."""
    found = np.zeros(len(y))
    folds = GroupKFold(min(FOLDS, len(set(clusters))))
    for train, test in folds.split(x, y, clusters):
        probability = fit(x[train], y[train], clusters[train])(x[test])
        found[test] = np.where(probability == 0.5, 0.5, (probability > 0.5) == (y[test].numpy() == 1))
    return found


def swapped(latents: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Each image's own modality stream with the codes of its session's other modality."""
    return latents | {"z_q": latents["z_q"][batch.partner]}


@torch.no_grad()
def look(
    model: Autoencoder, sessions: Sessions, chosen: list[int], device: str, window: int
) -> tuple[dict[str, Tensor], Tensor, pd.DataFrame]:
    """Latents of all images (N, C, d, h, w), their modalities (N,), and the errors of every image."""
    latents: dict[str, list[Tensor]] = {}
    modality, errors = [], []
    for place, index in enumerate(chosen):
        batch = sessions.volumes([index]).to(device)
        found = model.encode(batch.x, batch.modality)
        for name in LATENTS:
            if name in found:
                latents.setdefault(name, []).append(found[name].float().cpu())
        modality.append(batch.modality.cpu())
        ways = {"own codes": found} | ({"swapped codes": swapped(found, batch)} if model.supports_swap else {})
        for way, parts in ways.items():
            image = model.decode(parts, batch.modality).clamp(-1, 1).float()
            scores = {
                "L1": (image - batch.x).abs().flatten(1).mean(1),
                "PSNR": psnr(batch.x, image),
                "SSIM": ssim3d(batch.x, image, window),
            }
            for row, kind in enumerate(batch.modality.tolist()):
                facts = {"session": place, "modality": MODALITIES[kind], "way": way}
                errors += [{**facts, "measure": name, "value": float(v[row])} for name, v in scores.items()]
    together = {name: torch.cat(parts) for name, parts in latents.items()}
    return together, torch.cat(modality).float(), pd.DataFrame(errors)


def table(model_folder: Path, shards: list[Path], device: str, settings: Statistics) -> pd.DataFrame:
    """All measures of a model, a row each.

    Raises
    ------
    SystemExit
        If fewer than two subjects have both modalities.
    """
    model, row, _ = load_model(model_folder, device)
    sessions = Sessions(shards)
    chosen, clusters = paired(sessions, clusters_of(shards))
    if len(set(clusters)) < 2:
        raise SystemExit("the shards hold both modalities of fewer than two subjects")
    latents, y, errors = look(model, sessions, chosen, device, row.objective.ssim_window)
    rows, twice = [], np.repeat(clusters, len(MODALITIES))
    classifiers = {
        "logistic regression": fit_line,
        "convolutional network": lambda x, y, _: fit_network(x, y, device),
    }
    for name, x in latents.items():
        for kind, fit in classifiers.items():
            rows.append(("accuracy", name, kind, right(x, y, twice, fit), twice))
    for (measure, modality, way), part in errors.groupby(["measure", "modality", "way"], sort=True):
        rows.append((measure, modality, way, part.value.to_numpy(), np.array(clusters)[part.session]))
    found = []
    for measure, of, by, values, whose in rows:
        interval = cluster_bootstrap(values, whose, settings)
        found.append((measure, of, by, interval.value, interval.low, interval.high, interval.n_clusters))
    return pd.DataFrame(found, columns=COLUMNS)


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
    found = table(arguments.model, arguments.shards, device, Statistics(bootstrap=arguments.bootstrap))
    print(found.to_csv(sep="\t", index=False, float_format="%.4g"), end="")


if __name__ == "__main__":
    main()
