"""Grids of latents, for what plans without torch."""

from math import prod

Shape = tuple[int, int, int]


def of_volume(shape: Shape, factor: int) -> Shape:
    """Positions of the latent of a volume whose sides are multiples of the factor.

    Examples
    --------
    >>> of_volume((144, 192, 144), 16)
    (9, 12, 9)
    """
    depth, height, width = (side // factor for side in shape)
    return depth, height, width


def of_slices(shape: Shape, factor: int, axis: int) -> Shape:
    """Slices along an axis, and positions of the latent of each; sides are padded to multiples of the factor."""
    rows, columns = (-(-side // factor) for other, side in enumerate(shape) if other != axis)
    return shape[axis], rows, columns


def float_bits(shapes: dict[str, tuple[int, ...]]) -> float:
    """Bits of latents (name -> (C, d, h, w)) that are kept as float32, as `decode` is given them."""
    return 32.0 * sum(prod(sides) for sides in shapes.values())
