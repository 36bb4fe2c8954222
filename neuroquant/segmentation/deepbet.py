"""Brain masks of raw heads by deepbet's networks (Fisch et al. 2024), on CPU or GPU, without network access.

deepbet's wheel (MIT licence) carries two TorchScript networks: one finds the box around the brain in an image of
128 x 128 x 128 voxels, the other the brain within that box in 256 x 256 x 256. They are run here with scipy in place of
the wheel's own code, which would need a window toolkit and compiled helpers as well.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from neuroquant.errors import InputError
from neuroquant.extras import missing
from neuroquant.scans.grid import from_ras, to_ras

BOX_SIDE, MASK_SIDE = 128, 256
MARGIN = 0.1
"""Share of the brain's size by which its box is widened on each side."""
CROSSING = 0.02
"""Share of the brain's voxels in a plane above which the plane counts to its box."""
LIMITS = (0.005, 0.995)
"""Quantiles of the small image between which intensities are scaled."""
MEAN, DEVIATION = 0.449, 0.226
"""Of the intensities that the networks were trained on."""
EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)


class BrainMasker:
    """Finds the brain in heads; the networks are loaded once.

    Parameters
    ----------
    device : as `neuroquant.device.resolve_device` returns it.
    """

    name = "deepbet"

    def __init__(self, device: str = "cpu"):
        self.device = torch.device(device)
        self.box_network, self.mask_network = (
            torch.jit.load(str(path), map_location=self.device).eval() for path in network_files()
        )

    @torch.inference_mode()
    def __call__(self, head: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """The brain, bool on the head's own grid and in its orientation; all False where there is none.

        Parameters
        ----------
        head : finite intensities (D, H, W) of any scale, voxel size and orientation.
        affine : (4, 4), from voxels to mm.
        """
        return from_ras(self._upright(to_ras(head, affine)), affine)

    def _upright(self, head: np.ndarray) -> np.ndarray:
        """The brain of a head in RAS+."""
        found = np.zeros(head.shape, dtype=bool)
        image = torch.from_numpy(np.ascontiguousarray(head, dtype=np.float32)).to(self.device)
        small = _resized(image, (BOX_SIDE,) * 3)
        low, high = (float(small.quantile(limit)) for limit in LIMITS)
        if high <= low:
            return found
        rough = self._passed(self.box_network, _scaled(small, low, high))
        box = _box(_largest((rough > 0.5).cpu().numpy()), head.shape)
        if box is None:
            return found
        fine = self._passed(self.mask_network, _scaled(_resized(image[box], (MASK_SIDE,) * 3), low, high))
        brain = (_resized(fine, found[box].shape) > 0.5).cpu().numpy()
        found[box] = ndimage.binary_fill_holes(_largest(brain))
        return found

    @staticmethod
    def _passed(network: torch.jit.ScriptModule, image: Tensor) -> Tensor:
        """The probability of brain in an image (S, S, S)."""
        return network(image[None, None])[0, 1]


@cache
def network_files() -> tuple[Path, Path]:
    """Files of the network that finds the box and of the one that finds the brain, as the wheel installed them.

    Raises
    ------
    InputError
        If deepbet isn't installed, or its networks are missing.
    """
    try:
        installed = {file.name: Path(str(file.locate())) for file in files("deepbet") or ()}
        box, mask = installed["bbox_model.pt"], installed["model.pt"]
    except PackageNotFoundError:
        raise missing("deepbet") from None
    except KeyError:
        box = mask = Path()
    if not (box.is_file() and mask.is_file()):
        raise InputError(
            "deepbet", "installed without its networks", "deepbet 1.0.2 with its two networks",
            "pip install --force-reinstall --no-deps deepbet==1.0.2",
        )  # fmt: skip
    return box, mask


def _resized(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The nearest voxels of an image (D, H, W) on a grid of another shape."""
    return F.interpolate(image[None, None].float(), shape, mode="nearest-exact")[0, 0]


def _scaled(image: Tensor, low: float, high: float) -> Tensor:
    """Intensities as the networks expect them."""
    image = ((image - low) / (high - low)).clamp(0, 1)
    return DEVIATION * (image - image.mean()) / image.std() + MEAN


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece, voxels touching at corners included."""
    pieces, count = ndimage.label(mask, EVERY_NEIGHBOUR)
    return mask if count < 2 else pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _box(rough: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice, slice] | None:
    """The box around a rough mask, widened, in voxels of an image of `shape`; None where the mask is too small."""
    box = []
    for axis, side in enumerate(shape):
        others = tuple(other for other in range(3) if other != axis)
        planes = np.flatnonzero(rough.mean(axis=others) > CROSSING)
        if not len(planes):
            return None
        scale = side / rough.shape[axis]
        centre = round((planes[0] + planes[-1] + 1) / 2 * scale)
        size = round((planes[-1] + 1 - planes[0]) * scale * (1 + 2 * MARGIN))
        box.append(slice(max(0, int(centre - size / 2)), min(side, int(centre + size / 2))))
    return tuple(box)
