"""FreeSurfer labels carved from the ICBM 2009 templates by tissue probability, T1w intensity and MNI coordinates."""

import numpy as np
from scipy import ndimage

PAIRS = {2: 41, 3: 42, 4: 43, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51}
"""Number on the left -> the same structure on the right, of what is carved here."""
CEREBELLUM, STEM, CEREBRUM = 1, 2, 3
"""Regions of the watershed."""


def carve(t1: np.ndarray, gm: np.ndarray, wm: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """FreeSurfer labels of the ICBM brain: cortex, white matter, deep nuclei, ventricles, hindbrain, fluid.

    Parameters
    ----------
    t1, gm, wm : (I, J, K) in [0, 1]
    affine : (4, 4) voxel to MNI mm

    Returns
    -------
    (I, J, K) int16
    """
    x, y, z = coordinates(t1.shape, affine)
    side = np.abs(x)
    brain = ndimage.binary_fill_holes(t1 > 0)
    tissue = gm + wm
    fluid = brain & (tissue < 0.45)
    hind = _hindbrain(tissue, brain, x, y, z)
    left = np.zeros(t1.shape, np.int16)
    left[brain] = np.where(wm > gm, 2, 3)[brain]
    left[hind == CEREBELLUM] = np.where(wm > 0.6, 7, 8)[hind == CEREBELLUM]
    left[fluid] = 24
    ventricles = _ventricles(fluid, x, y, z)
    left[ventricles] = 4
    deep = brain & ~ventricles & (hind == 0)
    left[deep & _ellipsoid(x, y, z, (10.5, -18, 7), (9.5, 14, 8.5))] = 10
    left[deep & _ellipsoid(x, y, z, (26, 2, 1), (6.5, 16, 10)) & (gm > 0.3) & (y > -7)] = 12
    left[deep & _caudate(x, y, z) & (gm > 0.3)] = 11
    labels = left.copy()
    for number, right in PAIRS.items():
        labels[(left == number) & (x > 0)] = right
    labels[hind == STEM] = 16
    labels[(hind == STEM) & fluid & (side > 8)] = 24
    return labels


def coordinates(shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, ...]:
    """x, y and z of all voxels in mm, each with one axis that isn't 1."""
    axes = (np.arange(n, dtype=np.float32) * affine[a, a] + affine[a, 3] for a, n in enumerate(shape))
    return tuple(np.meshgrid(*axes, indexing="ij", sparse=True))


def _ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    """Both sides of the midline; `centre` is that of the one with positive x."""
    distance = [(axis - c) / r for axis, c, r in zip((np.abs(x), y, z), centre, radii, strict=True)]
    return distance[0] ** 2 + distance[1] ** 2 + distance[2] ** 2 < 1


def _caudate(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Balls along the arc of head, body and tail."""
    arc = [((12, 17, 3), 7.5), ((13, 12, 9), 8), ((14, 5, 14), 6.8), ((16, -4, 19), 5.8), ((18, -13, 21), 4.5)]
    inside = np.zeros(np.broadcast(x, y, z).shape, bool)
    for centre, radius in arc:
        inside |= _ellipsoid(x, y, z, centre, (radius, radius * 1.2, radius))
    return inside


def _ventricles(fluid: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The lateral ventricles: fluid between the nuclei, in pieces that come within 6 mm of the horns' middle."""
    side = np.abs(x)
    floor = np.where(y < -20, -4.5, -2)
    between = fluid & (side < 30) & (side > 1) & (z > floor) & (z < 32) & (y > -48) & (y < 38)
    between &= ~((side < 4) & (z < 8))  # the third ventricle
    pieces, count = ndimage.label(between)
    kept = np.zeros(count + 1, bool)
    for seed in ((8, 8, 16), (12, -25, 20)):
        kept[np.unique(pieces[_ellipsoid(x, y, z, seed, (6, 6, 6))])] = True
    kept[0] = False
    return kept[pieces]


def _hindbrain(tissue: np.ndarray, brain: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """CEREBELLUM, STEM or 0: a watershed over the dark tentorium from seeds, tidied by the stem's known width."""
    side = np.abs(x)
    markers = np.zeros(tissue.shape, np.int16)
    markers[~brain] = -1
    above = (z > -8 + 0.08 * (y + 60)) & (y < -60) & (side > 12)
    markers[brain & ((z > 2) | (y > -8) | (side > 58) | above)] = CEREBRUM
    for centre in ((22, -62, -38), (38, -62, -34), (8, -62, -28), (14, -75, -36), (30, -50, -42)):
        markers[brain & _ellipsoid(x, y, z, centre, (6, 6, 6))] = CEREBELLUM
    back = -36 - 0.9 * np.clip(-(z + 40), 0, 30)  # the medulla runs backwards as it descends
    pons = (side < np.where(z > -42, 15.75, 9.45)) & (y > -40) & (y < -14) & (z < -10) & (z > -50)
    medulla = (side < 9) & (y < -32) & (y > -54) & (z <= -48)
    markers[brain & (pons | medulla) & (y > back) & (tissue > 0.5)] = STEM
    height = (255 * (1 - np.clip(tissue, 0, 1))).astype(np.uint8)
    region = ndimage.watershed_ift(height, markers)
    region[(region == CEREBRUM) | (region < 0) | ~brain] = 0
    strayed = (region == STEM) & ((y < back - 2) | (side > np.where(z > -45, 20, 11)))
    region[strayed] = 0
    region[strayed & (z < -4)] = CEREBELLUM
    return np.where((z < 2 - 0.30 * side) & (y < -10), region, 0)
