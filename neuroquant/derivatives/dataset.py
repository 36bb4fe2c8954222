"""A derivative data set on disk: its description, and files with sidecars."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nibabel as nib
import pandas as pd

import neuroquant
from neuroquant.config.plain import read_json
from neuroquant.datasets import DESCRIPTION, PROGRAM
from neuroquant.derivatives.names import BidsName
from neuroquant.derivatives.suffixes import SUFFIXES
from neuroquant.errors import InputError
from neuroquant.files import write_json, write_text, write_tsv
from neuroquant.volumes.restore import write_image

BIDS_VERSION = "1.10.0"
RAW = "raw"
"""What BIDS URIs call the data set that the scans are from."""
IGNORED = ("*_desc-tokens_*", "*.html", "group_qc.*", "*_qc.json", "logs/", "/work")
"""What BIDS has no place for: tokens are HDF5, which it allows for no image; pages, tables of numbers, logs."""
CONTAINERS = {"APPTAINER_CONTAINER": "apptainer", "SINGULARITY_CONTAINER": "singularity"}
"""Variable that a container's program sets to the image's file -> the type that BIDS calls it."""
IMAGE_TAG = "NEUROQUANT_IMAGE"
"""Variable that an image may set to its own tag."""
README = """# {title}

Derivatives of the scans that `dataset_description.json` names as source, made by NeuroQuant {version}{model}.
Image files have the grid of their scan.

- `*_desc-recon_*`: the scan, encoded and decoded again, in its own intensities; voxels outside the brain are 0.
- `*_desc-brain_mask`: the brain. One without `space` is on the grid of the session's first scan; one with
  `space-<modality>` is on the grid of that scan.
- `*_desc-synth_*`: an image that was made of another scan of the session. Its sidecar names that scan under `Sources`.
- `*_dseg`: structures found in the reconstruction, with FreeSurfer's numbers; `desc` names the program. The
  `*_dseg.tsv` at the top lists the structures.
- `*_desc-tokens_*.h5`: the tokens of the scan, read by `neuroquant.tokenizer.read_tokens` and `neuroquant decode`.

Reconstructed and synthetic images are made by a network. They can show structures that the person doesn't have, and
lack some that they have. Research only; not for diagnosis.
"""


@dataclass(frozen=True, slots=True)
class Maker:
    """The model that made the files.

    Attributes
    ----------
    model : its name; empty where files were only preprocessed
    weights : SHA-256 of its weights; empty where it isn't known
    """

    model: str
    weights: str = ""

    def to_json(self) -> dict[str, Any]:
        """What a sidecar says of it; nothing where no model made the file."""
        named = {"Name": self.model, "WeightsSHA256": self.weights}
        return {"Model": {key: value for key, value in named.items() if value}} if self.model else {}


class Dataset:
    """A derivative data set that is being written.

    Parameters
    ----------
    folder : its root.
    raw : root of the data set that the scans are from.
    maker : the model.
    """

    def __init__(self, folder: Path, raw: Path, maker: Maker):
        self.folder, self.raw, self.maker = folder, raw, maker

    def describe(self, modalities: tuple[str, ...], title: str = "NeuroQuant derivatives") -> None:
        """Write `dataset_description.json`, `README.md` and `.bidsignore`.

        Parameters
        ----------
        modalities : those of the model; what BIDS has no suffix for is ignored by its validator.
        """
        link = quote(Path(os.path.relpath(self.raw.absolute(), self.folder.absolute())).as_posix())
        source = {"URL": link} | {key: value for key, value in source_facts(self.raw).items() if value}
        made_by: dict[str, Any] = {"Name": PROGRAM, "Version": neuroquant.__version__}
        if self.maker.model:
            made_by["Description"] = f"model {self.maker.model}"
        if container := container_of(os.environ):
            made_by["Container"] = container
        description = {
            "Name": title,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [made_by],
            "SourceDatasets": [source],
            "DatasetLinks": {RAW: link},
        }
        write_json(self.folder / DESCRIPTION, description)
        ignored = [*IGNORED, *(f"*_{suffix}.*" for suffix in modalities if suffix not in SUFFIXES)]
        write_text(self.folder / ".bidsignore", "".join(f"{line}\n" for line in ignored))
        model = f" with the model {self.maker.model}" if self.maker.model else ""
        readme = README.format(title=title, version=neuroquant.__version__, model=model)
        write_text(self.folder / "README.md", readme)

    def scan(self, path: str) -> str:
        """BIDS URI of a scan, from its path below the raw data set's root."""
        below = path if not os.path.isabs(path) else os.path.relpath(path, self.raw.absolute())
        return f"bids:{RAW}:{below}"

    def own(self, name: BidsName) -> str:
        """BIDS URI of an image of this data set."""
        return f"bids::{name.path('.nii.gz')}"

    def write(self, name: BidsName, image: nib.Nifti1Image, facts: dict[str, Any]) -> Path:
        """Write an image with its sidecar, whole or not at all; returns the image's path."""
        image.header.set_xyzt_units("mm")
        self.write_sidecar(name, facts)
        return write_image(image, self.folder / name.path(".nii.gz"))

    def write_sidecar(self, name: BidsName, facts: dict[str, Any]) -> None:
        """Write what is known of a file, and the model."""
        write_json(self.folder / name.path(".json"), facts | self.maker.to_json())

    def write_labels(self, desc: str, structures: dict[int, str]) -> None:
        """Write the table of the numbers of segmentations, at the top, where it holds for all of them."""
        table = pd.DataFrame(sorted(structures.items()), columns=["index", "name"])
        write_tsv(table, self.folder / f"desc-{desc}_dseg.tsv")


def source_facts(raw: Path) -> dict[str, str]:
    """DOI of the data set that the scans are from, where its description has one."""
    try:
        found = read_json(raw / DESCRIPTION).get("DatasetDOI", "")
    except (InputError, AttributeError):
        return {}
    return {"DOI": found} if isinstance(found, str) and found.startswith("doi:") else {}


def container_of(environment: "os._Environ[str] | dict[str, str]") -> dict[str, str]:
    """The container that runs this, as BIDS describes one; empty where none is known of."""
    for variable, kind in CONTAINERS.items():
        if image := environment.get(variable, ""):
            return {"Type": kind, "Tag": environment.get(IMAGE_TAG) or Path(image).name}
    return {"Type": "docker", "Tag": environment[IMAGE_TAG]} if environment.get(IMAGE_TAG) else {}
