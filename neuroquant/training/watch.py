"""What a person looks at while a model trains: TensorBoard's files, and a picture of reconstructions now and then."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuroquant.extras import optional
from neuroquant.files import written_whole
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.batch import Batch
from neuroquant.store.disk import told_when_full
from neuroquant.training.data import Sessions

with optional():
    from PIL import Image, ImageDraw
    from torch.utils.tensorboard import SummaryWriter


PLACES = {"step", "phase", "mode"}
"""Columns of the log that say where a row belongs."""
LEAST_SIDE = 96
"""Smaller slices are drawn enlarged by a whole number, so that a person sees something."""
CAPTION = 14
"""Height of the line above each row of slices, pixels."""


class Watch:
    """Writes events and pictures into `folder`; into nothing where that is None.

    Parameters
    ----------
    folder : of one model; `tensorboard --logdir` takes it or the folder above, which compares all models.
    done : steps of an interrupted run that this one goes on from; later events of that run are struck out.
    """

    def __init__(self, folder: Path | None, done: int = 0):
        self.folder = folder
        self._events = None if folder is None else SummaryWriter(str(folder), purge_step=done + 1 if done else None)

    def row(self, row: dict[str, Any]) -> None:
        """One row of the log, each column a curve."""
        if self._events is None:
            return
        with told_when_full(self.folder, "the curves of this training"):
            for name in row.keys() - PLACES:
                self._events.add_scalar(f"{row['mode']}/{name}" if name == "seconds" else name, row[name], row["step"])
            self._events.flush()

    def picture(self, step: int, model: Autoencoder, sessions: Sessions, device: str) -> None:
        """Save `reconstructions-<step>.png`, of the first session; drawn from no generator, so that nothing changes."""
        if self._events is None:
            return
        image = draw(reconstructions(model, sessions.volumes([0]).to(device)))
        with written_whole(self.folder / f"reconstructions-{step:08d}.png") as scratch:
            Image.fromarray(image).save(scratch, format="PNG")
        with told_when_full(self.folder, "the pictures of this training"):
            self._events.add_image("reconstructions", image, step, dataformats="HW")
            self._events.flush()

    def close(self) -> None:
        """Write what is waiting."""
        if self._events is not None:
            with told_when_full(self.folder, "the curves of this training"):
                self._events.close()


@torch.no_grad()
def reconstructions(model: Autoencoder, batch: Batch) -> dict[str, np.ndarray]:
    """Named volumes (D, H, W) in [-1, 1]: each image of a session, its reconstruction, and where the model can, the
    image made from another modality's anatomy with its own appearance (equation 13).
    """
    model.eval()
    latents = model.encode(batch.x, batch.modality)
    shown = {"": batch.x, "reconstructed": model.decode(latents, batch.modality)}
    if isinstance(model, Swaps) and len(batch.paired):
        anatomy = latents.each(lambda tensor: tensor[batch.partner])
        swapped = model.translate(anatomy, model.appearance(latents), batch.modality)
        shown["from another modality's anatomy"] = swapped
    model.train()
    depth, height, width = batch.x.shape[2:]  # slice-wise models pad sides that they don't divide
    return {
        f"{model.modalities[modality]} {name}".strip(): (
            volumes[row, 0, :depth, :height, :width].clamp(-1, 1).float().cpu().numpy()
        )
        for row, modality in enumerate(batch.modality.tolist())
        for name, volumes in shown.items()
    }


def draw(volumes: dict[str, np.ndarray]) -> np.ndarray:
    """The middle slices of the three planes side by side, a row per volume: uint8, (height, width); -1 is black."""
    shape = next(iter(volumes.values())).shape
    zoom = -(-LEAST_SIDE // min(shape))
    panels = []
    for name, volume in volumes.items():
        slices = [np.rot90(volume.take(side // 2, axis)) for axis, side in enumerate(shape)]
        height = max(piece.shape[0] for piece in slices)
        level = [np.pad(piece, ((height - len(piece), 0), (0, 0)), constant_values=-1.0) for piece in slices]
        pixels = ((np.concatenate(level, axis=1) + 1) * 127.5).round().astype(np.uint8)
        pixels = pixels.repeat(zoom, 0).repeat(zoom, 1)
        canvas = Image.new("L", (pixels.shape[1], pixels.shape[0] + CAPTION))
        ImageDraw.Draw(canvas).text((2, 1), name, fill=255)
        canvas.paste(Image.fromarray(pixels), (0, CAPTION))
        panels.append(np.asarray(canvas))
    return np.concatenate(panels)
