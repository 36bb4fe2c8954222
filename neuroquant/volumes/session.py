"""The scans of one session on one grid, each interpolated from its file at most once."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuroquant.volumes import align
from neuroquant.volumes.align import Grid, Registration
from neuroquant.volumes.scan import Scan

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
    found : modality -> how it was registered onto the reference, where it was
    scale : by what voxels were stretched to make a large brain fit
    """

    scans: dict[str, Scan]
    reference: str
    own: Grid
    grid: Grid
    found: dict[str, Registration]
    scale: float = 1.0
    _ready: dict[str, Scan] = field(default_factory=dict, repr=False, compare=False)

    def on(self, grid: Grid, scale: float = 1.0) -> "Session":
        """The same session on another grid."""
        return replace(self, grid=grid, scale=scale, _ready={})

    def scan(self, name: str) -> Scan:
        """A modality on the session's grid."""
        if name not in self._ready:
            scan = self.scans[name]
            as_it_is = self.moved(name) is None
            self._ready[name] = scan if as_it_is else align.moved(scan, self.grid, self._transform(name))
        return self._ready[name]

    def place(self, name: str, mask: np.ndarray) -> np.ndarray:
        """A mask or label map on a modality's own grid, on the session's: nearest voxel."""
        scan = self.scans[name]
        beside = Scan(mask.astype(np.float32), scan.affine, scan.source_shape, scan.source_affine)
        return mask if self.moved(name) is None else align.moved(beside, self.grid, self._transform(name), 0).data

    def beside(self, scan: Scan) -> np.ndarray:
        """A mask or label map on the reference's own grid, on the session's: nearest voxel."""
        return self.place(self.reference, scan.data)

    def moved(self, name: str) -> np.ndarray | None:
        """The transform (4, 4) from the session's space to a modality's own; None where its voxels are untouched."""
        transform, scan = self._transform(name), self.scans[name]
        untouched = np.array_equal(transform, IDENTITY) and align.same_grid(align.grid_of(scan), self.grid)
        return None if untouched else transform

    def facts(self, brain: np.ndarray) -> dict[str, Any]:
        """What the QC table says of it: what was resampled, stretched, registered, and how far."""
        resampled = [name for name in self.scans if self.moved(name) is not None]
        told: dict[str, Any] = {"resampled": " ".join(resampled) or "no", "scale": round(self.scale, 4)}
        told["registered"] = "no"
        for registration in self.found.values():
            middle = self.grid[1][:3, :3] @ np.argwhere(brain).mean(axis=0) + self.grid[1][:3, 3]
            told |= {"registered": "yes" if registration.accepted else "refused"}
            told |= {"mi_before": registration.before, "mi_after": registration.after}
            told |= {"shift_mm": registration.shift_mm(middle), "turn_deg": registration.turn_deg}
        return told

    def _transform(self, name: str) -> np.ndarray:
        return self.found[name].transform if name in self.found else IDENTITY
