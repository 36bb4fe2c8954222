"""Frozen codebooks: k-means over pieces of training images, and the nearest code."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

AT_ONCE = 2**26
"""Distances that are held at a time."""
MOST_MORE = 20
"""Rounds of k-means that may be added for centres that own too few points."""


def nearest(tokens: Tensor, codes: Tensor) -> Tensor:
    """Index of the code (K, C) that is nearest to each token (N, C); (N,)."""
    half = 0.5 * codes.square().sum(1)
    chunk = max(1, AT_ONCE // len(codes))
    return torch.cat([(half - part @ codes.T).argmin(1) for part in tokens.split(chunk)])


def kmeans(points: Tensor, count: int, rounds: int, generator: torch.Generator, least: int = 1) -> Tensor:
    """`count` centres (count, C) of points (N, C); with fewer points than centres, copies with a little noise.

    A centre that owns fewer than `least` points moves to a random point of a centre that owns more than enough for two;
    while there are any, up to MOST_MORE rounds are added.
    """
    order = torch.randperm(len(points), generator=generator)
    if len(points) < count * least:
        chosen = points[torch.randint(len(points), (count,), generator=generator)]
        spread = 0.01 * points.std()
        return chosen + spread * torch.randn(chosen.shape, generator=generator).to(points)
    centres = points[order[:count].to(points.device)].clone()
    for number in range(rounds + MOST_MORE):
        owner = nearest(points, centres)
        sizes = torch.bincount(owner, minlength=count)
        weak = (sizes < least).nonzero()[:, 0]
        if number >= rounds and not len(weak):
            break
        sums = torch.zeros_like(centres).index_add_(0, owner, points)
        centres = sums / sizes.clamp_min(1)[:, None]
        rich = (sizes[owner] > 2 * least).nonzero()[:, 0]
        if len(rich):
            centres[weak] = points[rich[torch.randint(len(rich), (len(weak),), generator=generator).to(points.device)]]
    return centres


def patches(slices: Iterable[Tensor], side: int, count: int, generator: torch.Generator) -> Tensor:
    """Up to `count` square pieces of slices (N, 1, H, W) that aren't all background, flattened: (M, side * side)."""
    cuts, have = [], 0
    for images in slices:
        height, width = images.shape[2:]
        images = F.pad(images, (0, max(side - width, 0), 0, max(side - height, 0)), value=-1.0)
        top = int(torch.randint(side, (), generator=generator)) if height >= 2 * side else 0
        left = int(torch.randint(side, (), generator=generator)) if width >= 2 * side else 0
        cut = images[:, 0, top:, left:].unfold(1, side, side).unfold(2, side, side).reshape(-1, side * side)
        cut = cut[(cut > -1).any(1)]
        cuts.append(cut)
        have += len(cut)
        if have >= count:
            break
    return torch.cat(cuts)[:count]
