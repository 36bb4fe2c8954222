"""The scans of one session on one grid, each interpolated from its file at most once."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuroquant.config.volume import Volume
from neuroquant.scans.grid import Grid
from neuroquant.scans.unusable import Unusable
from neuroquant.volumes import align
from neuroquant.volumes.align import Registration
from neuroquant.volumes.scan import Scan, in_words

IDENTITY = np.eye(4)


@dataclass(frozen=True)
class Session:
    """Scans as they were read, and the grid on which the session is worked with.

    Attributes
    ----------
    scans : modality -> the scan on its own grid, RAS+
    reference : the modality whose space this is
    own : the reference's own grid
    grid : the session's
    registrations : modality -> how it was registered onto the reference, where it was
    scale : by what voxels were stretched to make a large brain fit
    """

    scans: dict[str, Scan]
    reference: str
    own: Grid
    grid: Grid
    registrations: dict[str, Registration]
    scale: float = 1.0
    _ready: dict[str, Scan] = field(default_factory=dict, repr=False, compare=False)

    def on(self, grid: Grid, scale: float = 1.0) -> "Session":
        """The same session on another grid."""
        return replace(self, grid=grid, scale=scale, _ready={})

    def scan(self, name: str) -> Scan:
        """A modality on the session's grid."""
        if name not in self._ready:
            scan = self.scans[name]
            as_it_is = self.resampling(name) is None
            self._ready[name] = scan if as_it_is else align.resampled(scan, self.grid, self._transform(name))
        return self._ready[name]

    def carried(self, name: str, mask: np.ndarray) -> np.ndarray:
        """A mask or label map on a modality's own grid, on the session's: nearest voxel."""
        scan = self.scans[name]
        beside = Scan(mask.astype(np.float32), scan.affine, scan.source_shape, scan.source_affine)
        return (
            mask if self.resampling(name) is None else align.resampled(beside, self.grid, self._transform(name), 0).data
        )

    def beside(self, scan: Scan) -> np.ndarray:
        """A mask or label map on the reference's own grid, on the session's: nearest voxel."""
        return self.carried(self.reference, scan.data)

    def resampling(self, name: str) -> np.ndarray | None:
        """The transform (4, 4) from the session's space to a modality's own; None where its voxels are untouched."""
        transform, scan = self._transform(name), self.scans[name]
        untouched = np.array_equal(transform, IDENTITY) and scan.grid.same_as(self.grid)
        return None if untouched else transform

    def facts(self, brain: np.ndarray) -> dict[str, Any]:
        """What the QC table says of it: what was resampled, stretched, registered, and how far."""
        resampled = [name for name in self.scans if self.resampling(name) is not None]
        facts: dict[str, Any] = {"resampled": " ".join(resampled) or "no", "scale": round(self.scale, 4)}
        facts |= {f"{name}_registered": "no" for name in self.scans if name != self.reference}
        affine = self.grid.affine
        for name, registration in self.registrations.items():
            middle = affine[:3, :3] @ np.argwhere(brain).mean(axis=0) + affine[:3, 3]
            facts[f"{name}_registered"] = "yes" if registration.accepted else "refused"
            facts |= {f"{name}_mi_before": registration.before, f"{name}_mi_after": registration.after}
            facts |= {f"{name}_shift_mm": registration.shift_mm(middle), f"{name}_turn_deg": registration.turn_deg}
        return facts

    def _transform(self, name: str) -> np.ndarray:
        return self.registrations[name].transform if name in self.registrations else IDENTITY


def bring_together(scans: dict[str, Scan], files: dict[str, str], volume: Volume) -> Session:
    """The scans of a session on one grid, that of the first, with cubic voxels where these are asked for.

    Raises
    ------
    Unusable
        If they lie on different grids and may not be registered.
    """
    reference = next(iter(scans))
    fixed = scans[reference]
    registrations: dict[str, Registration] = {}
    for name, scan in scans.items():
        apart = not scan.grid.same_as(fixed.grid)
        if apart and volume.registration == "off":
            shapes = f"{in_words(scan.data.shape)} against {in_words(fixed.data.shape)}"
            raise Unusable(
                f"on another grid than {reference} ({shapes} voxels); volume.registration is off", files[name]
            )
        if name != reference and (apart or volume.registration == "all"):
            registrations[name] = align.register(fixed, scan)
    session = Session(scans, reference, fixed.grid, fixed.grid, registrations)
    return session.on(cubic(fixed.grid, volume, files[reference]))


def cubic(grid: Grid, volume: Volume, file: str) -> Grid:
    """The grid of cubes that the settings ask for; `grid` itself where it has them.

    Raises
    ------
    Unusable
        If its voxels are no cubes, and scans with such voxels are left out.
    """
    if volume.voxel_mm:
        return align.cubes(grid, volume.voxel_mm)
    if not grid.uneven:
        return grid
    if volume.uneven_voxels == "exclude":
        raise Unusable(
            f"voxels of {in_words(grid.sides)} mm are no cubes: set volume.voxel_mm, or volume.uneven_voxels: resample",
            file,
        )
    return align.cubes(grid, volume.uneven_mm)
