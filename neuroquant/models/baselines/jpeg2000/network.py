"""JPEG 2000 through OpenJPEG, which comes with Pillow.

A picture of each slice would need a header each, more bytes than a small rate has in all. In one picture of all
slices the encoder also spends its bytes where they lower the error most, in whichever slice that is.
"""

import io
import math
import struct

import numpy as np

from neuroquant.extras import optional
from neuroquant.models.codec import Codec, largest_that_fits

with optional():
    from PIL import Image

SIDES = struct.Struct("<3H")
"""Sides of the volume, which stand before the picture."""
GREYS = 255
TRIES = 6
"""Pictures that are made beyond the first, where that is larger than was asked for."""


class Jpeg2000(Codec):
    """The irreversible wavelet transform, at the stated size of the whole file.

    A rate below what the headers take leaves the mean grey value of a volume.

    Parameters
    ----------
    most : bytes of a volume at most.
    axis : that is sliced.
    """

    def __init__(self, most: int, axis: int):
        super().__init__(most)
        self.plane_axis = axis

    def compress(self, volume: np.ndarray, kind: int) -> bytes:
        """Eight bits a voxel, then the picture."""
        grey = np.round((volume.clip(-1, 1) + 1) / 2 * GREYS).astype(np.uint8)
        picture, room = side_by_side(np.moveaxis(grey, self.plane_axis, 0)), self.most - SIDES.size
        code = largest_that_fits(lambda size: coded(picture, size), 1.0, float(room), room, TRIES)
        return SIDES.pack(*volume.shape) + (bytes([round(float(grey.mean()))]) if code is None else code)

    def expand(self, code: bytes, kind: int) -> np.ndarray:
        """The picture cut into slices again."""
        sides, rest = SIDES.unpack_from(code), code[SIDES.size :]
        if len(rest) == 1:
            grey = np.full(sides, rest[0], np.uint8)
        else:
            with Image.open(io.BytesIO(rest), formats=["JPEG2000"]) as picture:
                grey = np.moveaxis(slices_of(np.asarray(picture), sides, self.plane_axis), 0, self.plane_axis)
        return grey.astype(np.float32) / GREYS * 2 - 1


def coded(picture: np.ndarray, size: float) -> bytes:
    """A picture (rows, columns) of grey values in about `size` bytes."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(
        stream, "JPEG2000", no_jp2=True, irreversible=True, comment=" ", quality_mode="rates",
        quality_layers=[picture.size / size],
    )  # fmt: skip
    return stream.getvalue()


def side_by_side(slices: np.ndarray) -> np.ndarray:
    """Slices (N, H, W) as a picture, about as many in a row as in a column; zeros where none is left."""
    columns = math.ceil(math.sqrt(len(slices)))
    rows = -(-len(slices) // columns)
    whole = np.zeros((rows * columns, *slices.shape[1:]), slices.dtype)
    whole[: len(slices)] = slices
    return whole.reshape(rows, columns, *slices.shape[1:]).swapaxes(1, 2).reshape(rows * slices.shape[1], -1)


def slices_of(picture: np.ndarray, sides: tuple[int, ...], axis: int) -> np.ndarray:
    """The slices (N, H, W) along an axis of a volume with these sides."""
    number = sides[axis]
    height, width = (side for other, side in enumerate(sides) if other != axis)
    parts = picture.reshape(picture.shape[0] // height, height, -1, width).swapaxes(1, 2)
    return parts.reshape(-1, height, width)[:number]
