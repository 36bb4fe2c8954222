"""What is written of one session: reconstructions, masks, segmentations and synthetic images, on the scans' grids."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neuroquant.derivatives.dataset import Dataset
from neuroquant.derivatives.names import BidsName
from neuroquant.scans.grid import Grid
from neuroquant.segmentation.labels import name_of
from neuroquant.store.arrays import Geometry
from neuroquant.volumes.restore import restore, restore_labels


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan of a session, as the files that are made of it need it.

    Attributes
    ----------
    name : of what is made of it
    path : of its file, below the raw data set's root
    geometry : where its volume lies in it
    """

    name: BidsName
    path: str
    geometry: Geometry

    @property
    def grid(self) -> Grid:
        """Its own grid."""
        return Grid(self.geometry.source_shape, np.asarray(self.geometry.source_affine))


class SessionImages:
    """The images of one session.

    Parameters
    ----------
    dataset : where they go.
    scans : modality -> scan; the first one that was not moved is the session's reference.
    mask : the brain within the volume (D, H, W); where it isn't known, voxels of -1 are background.
    """

    def __init__(self, dataset: Dataset, scans: dict[str, Scan], mask: np.ndarray | None):
        self.dataset, self.scans, self.mask = dataset, scans, mask
        self.reference = reference_of({modality: scan.geometry for modality, scan in scans.items()})

    def reconstruction(self, modality: str, volume: np.ndarray, desc: str = "recon") -> Path:
        """Write a scan as the model gives it back; volume (D, H, W) in [-1, 1]."""
        scan = self.scans[modality]
        words = {"recon": "the scan, encoded and decoded by the model", "preproc": "the scan as the model is given it"}
        facts = {"Description": words[desc], "Sources": [self.dataset.scan(scan.path)], "SkullStripped": True}
        return self.dataset.write(scan.name.but(desc=desc), restore(volume, scan.geometry, self.mask), facts)

    def masks(self) -> list[Path]:
        """Write the brain on the grid of the reference, and on each grid that differs from it."""
        if self.mask is None:
            return []
        own, written = self.scans[self.reference].grid, []
        for modality, scan in self.scans.items():
            if modality != self.reference and scan.grid.same_as(own):
                continue
            image = restore_labels(self.mask.astype(np.int16), scan.geometry)
            image = nib.Nifti1Image(np.asarray(image.dataobj).astype(np.uint8), image.affine)
            name, facts = self._in_space(modality, suffix="mask", desc="brain")
            facts |= {"Description": "the brain", "Type": "Brain"}
            written.append(self.dataset.write(name, image, facts))
        return written

    def segmentation(self, modality: str, labels: np.ndarray, engine: dict[str, Any], of_scan: bool = False) -> Path:
        """Write the structures that a program found in a reconstruction, or in the scan; labels (D, H, W).

        Parameters
        ----------
        engine : attributes of the shard of segmentations: engine, stand_in, provenance.
        """
        name, facts = self._in_space(modality, suffix="dseg", desc=desc_of(engine))
        what = "scan" if of_scan else "reconstruction"
        facts |= {"Description": f"structures that {engine['engine']} found in the {what}", "Manual": False}
        if not of_scan:
            facts["Sources"] = [self.dataset.own(self.scans[modality].name.but(desc="recon"))]
        facts |= {"Segmenter": engine.get("provenance", {}), "StandIn": bool(engine["stand_in"])}
        return self.dataset.write(name, restore_labels(labels, self.scans[modality].geometry), facts)

    def synthesis(self, target: str, made_of: str, volume: np.ndarray, appearance: "Appearance") -> Path:
        """Write an image of another modality with the anatomy of a scan; volume (D, H, W) in [-1, 1].

        Parameters
        ----------
        target : the modality of the image.
        made_of : the modality of the scan whose anatomy and grid it has.
        """
        scan = self.scans[made_of]
        geometry = with_intensity(scan.geometry, appearance.intensity)
        what = f"{target} made of the {made_of} scan by the model"
        facts = {
            "Description": f"{what}, with the appearance of {appearance.words}",
            "Sources": [self.dataset.scan(scan.path), *appearance.sources],
            "SkullStripped": True,
            "Units": "arbitrary",
        }
        name = scan.name.but(suffix=target, desc="synth")
        return self.dataset.write(name, restore(volume, geometry, self.mask), facts)

    def tokens_name(self, modality: str) -> BidsName:
        """The name of the tokens of a scan: its own with `desc-tokens`."""
        return self.scans[modality].name.but(desc="tokens")

    def tokens_facts(self, modality: str) -> dict[str, Any]:
        """What the sidecar of a scan's tokens says."""
        sources = [self.dataset.scan(self.scans[modality].path)]
        return {"Description": "tokens of the scan (HDF5; neuroquant.tokenizer.read_tokens)", "Sources": sources}

    def _in_space(self, modality: str, **entities: str) -> tuple[BidsName, dict[str, Any]]:
        """The name of a mask or segmentation on a scan's grid, and the facts that say which grid that is.

        Their suffix doesn't tell the modality, so `space` does for all but the reference.
        """
        scan = self.scans[modality]
        uri = self.dataset.scan(scan.path)
        facts = {"Sources": [uri], "SpatialReference": uri}
        if modality == self.reference:
            return scan.name.but(**entities), facts
        return scan.name.but(space=f"{scan.name['space']}{modality}", **entities), facts


@dataclass(frozen=True, slots=True)
class Appearance:
    """The appearance that a synthetic image was given.

    Attributes
    ----------
    words : whose it is, in words
    intensity : scan intensities of -1 and 1
    sources : BIDS URIs of scans that it was taken from
    """

    words: str
    intensity: tuple[float, float]
    sources: tuple[str, ...] = ()


def reference_of(geometries: dict[str, Geometry]) -> str:
    """The modality whose space a session is in: the first whose scan wasn't registered onto another."""
    still = [name for name, one in geometries.items() if one.moved is None or np.allclose(one.moved, np.eye(4))]
    return (still or list(geometries))[0]


def desc_of(engine: dict[str, Any]) -> str:
    """What `desc` calls the program that segmented: `synthseg`, or `standin` for what only stands in for it."""
    if engine["stand_in"]:
        return "standin"
    return "".join(letter for letter in str(engine["engine"]).split()[0].lower() if letter.isalnum())


def with_intensity(geometry: Geometry, intensity: tuple[float, float]) -> Geometry:
    """The same place in a scan, with another range of intensities."""
    return replace(geometry, intensity=intensity)


def structures(labels: Iterable[int]) -> dict[int, str]:
    """FreeSurfer's number -> name of the structures that a program can find."""
    return {label: name_of(label) if label else "background" for label in labels}
