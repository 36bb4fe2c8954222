"""SynthSeg as its authors or FreeSurfer distribute it, run as a command on a folder of scans."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Segmentation
from neuroquant.errors import InputError
from neuroquant.segmentation.installed import OFFICIAL, freesurfer_command, upstream_command
from neuroquant.segmentation.labels import label_of, official
from neuroquant.segmentation.scans import Found, Scan, checked, on_grid

TOGETHER = 32
"""Scans a call: the command loads its network once for all of them, and they lie on disk while it runs."""


class OutsideSegmenter:
    """`SynthSeg_predict.py` of a clone in its own environment, or `mri_synthseg`.

    Both report an error of a single scan at the very end or not at all, so every output is looked for.
    """

    stand_in = False

    def __init__(self, settings: Segmentation, device: str, threads: int):
        freesurfer = settings.engine == "freesurfer"
        start = freesurfer_command(settings) if freesurfer else upstream_command(settings)
        options = ["--threads", str(threads), *(["--cpu"] if device == "cpu" else [])]
        self.command = [*start, *options, *(["--v1"] if settings.version == "1.0" else [])]
        self.labels = official(settings.version)
        self.name = f"SynthSeg {settings.version} ({'FreeSurfer' if freesurfer else 'upstream'})"
        self.provenance: dict[str, Any] = {"engine": self.name, "flip": True, "options": self.command[len(start) :]}
        # the clone's weights were checked to have this hash
        self.provenance |= build_stamp() if freesurfer else {"weights_sha256": OFFICIAL[settings.version][2]}

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """As the interface says; scans are handed over 32 at a time."""
        waiting: list[Scan] = []
        for scan in scans:
            waiting.append(checked(scan))
            if len(waiting) == TOGETHER:
                yield from self._run(waiting)
                waiting = []
        if waiting:
            yield from self._run(waiting)

    def _run(self, scans: list[Scan]) -> Iterator[Found]:
        with tempfile.TemporaryDirectory(prefix="synthseg-") as folder:
            images, out, volumes = (Path(folder) / name for name in ("images", "labels", "volumes.csv"))
            images.mkdir()
            for number, scan in enumerate(scans):
                nib.save(nib.Nifti1Image(scan.volume.astype(np.float32), scan.affine), images / f"{number:04d}.nii.gz")
            call = [*self.command, "--i", str(images), "--o", str(out), "--vol", str(volumes)]
            done = subprocess.run(call, capture_output=True, text=True)
            said = (done.stdout + done.stderr).strip().splitlines()[-5:]
            table = read_volumes(volumes) if volumes.is_file() else pd.DataFrame()
            for number, scan in enumerate(scans):
                labels = out / f"{number:04d}_synthseg.nii.gz"
                if not labels.is_file() or f"{number:04d}" not in table.index:
                    raise InputError(
                        scan.name,
                        f"{self.name} wrote no segmentation (exit status {done.returncode}): {' | '.join(said)}",
                        "a label map and a row of volumes",
                        f"try it by hand: {' '.join(self.command)} --i SCAN --o OUT --vol CSV",
                    )
                row = table.loc[f"{number:04d}"]
                yield self._found(nib.load(labels), row, scan)

    def _found(self, labels: nib.Nifti1Image, row: pd.Series, scan: Scan) -> Found:
        cubic = float(abs(np.linalg.det(scan.affine[:3, :3])))
        soft = {label: float(row.get(label, 0.0)) for label in self.labels}
        soft[0] = max(scan.volume.size * cubic - sum(soft.values()), 0.0)  # the command doesn't report background
        return Found(on_grid(labels, scan), np.array([soft[label] for label in self.labels]))


def build_stamp() -> dict[str, str]:
    """FreeSurfer's version, as the installation in $FREESURFER_HOME names it; empty where it doesn't."""
    path = Path(os.environ.get("FREESURFER_HOME", "")) / "build-stamp.txt"
    return {"build": path.read_text(encoding="utf-8").strip()} if path.is_file() else {}


def read_volumes(path: Path) -> pd.DataFrame:
    """The command's table of volumes: mm3 by FreeSurfer label, a row per scan; totals are left out."""
    table = pd.read_csv(path, index_col=0, dtype={0: str})
    table.index = table.index.astype(str).str.removesuffix(".nii")
    named = {column: label_of(column) for column in table.columns}
    return table[[c for c, label in named.items() if label is not None]].rename(columns=named).astype(float)
