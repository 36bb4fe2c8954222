"""The README's picture, from a finished demo: python docs/pictures/readme.py results/demo docs/pictures/readme.png.

It shows the test session of median PSNR, as `statistics.choice` names it: nobody chose the best one.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

import neuroquant
from neuroquant.config.load import read_yaml
from neuroquant.files import read_tsv
from neuroquant.statistics.choice import median_session
from neuroquant.tokenizer.tokens import Tokens

MODEL = "neuroquant"
WHITE = 99.5
"""Percentile of the brain that is drawn white; images of one modality have the same scale."""
HEIGHTS = {2: 0.55, 1: 0.5}
"""Axis -> where its plane lies, as a share of the brain's extent: through ventricles and deep grey matter."""
MARGIN = 2
"""Voxels around the brain."""
WIDTH, TITLE, DPI = 2.0, 0.3, 140
"""Inches of a column and of the line of titles, and pixels per inch."""


@dataclass(frozen=True, slots=True)
class Session:
    """A test session, and one of another subject whose appearance is borrowed.

    Attributes
    ----------
    scans, other : dict of str to Path
        Modality -> scan, of the session and of the other one.
    source, target : str
        The two modalities that are shown.
    """

    scans: dict[str, Path]
    other: dict[str, Path]
    source: str
    target: str


def chosen(results: Path) -> Session:
    """The test session of median PSNR on the first cohort, and the first session of another test subject."""
    config = read_yaml(results / "config.yaml")
    cohort, (source, target, *_) = config["cohorts"][0]["name"], config["modalities"]
    subject, session = median_session(results / "numbers/fidelity.tsv", cohort, MODEL)
    table = read_tsv(results / f"cohorts/{cohort}/sessions.tsv")
    splits = read_tsv(results / f"cohorts/{cohort}/splits.tsv").set_index("subject").split
    test = table[table.subject.map(splits) == "test"]
    own = test[(test.subject == subject) & (test.session == session)].iloc[0]
    other = test[test.subject != subject].iloc[0]
    folder = results / f"cohorts/{cohort}/bids"
    first, second = ({name: folder / row[name] for name in (source, target)} for row in (own, other))
    return Session(first, second, source, target)


def voxels(image: Path | nib.Nifti1Image) -> np.ndarray:
    """Values of an image in RAS+."""
    loaded = image if isinstance(image, nib.Nifti1Image) else nib.load(image)
    return nib.as_closest_canonical(loaded).get_fdata(dtype=np.float32)


def colours(tokens: Tokens, shape: tuple[int, ...]) -> np.ndarray:
    """The tokens on the scan's grid (D, H, W, 3): each as large as what it stands for; similar ones look similar."""
    vectors = tokens.to_tensor().numpy()
    flat = vectors.reshape(len(vectors), -1).T
    flat = flat - flat.mean(0)
    components = flat @ np.linalg.svd(flat, full_matrices=False)[2][:3].T
    low, high = np.percentile(components, (2, 98), axis=0)
    grid = np.clip((components - low) / (high - low), 0.08, 1).reshape(*vectors.shape[1:], 3)
    volume = tokens.mask.shape
    steps = [size // count for size, count in zip(volume, grid.shape[:3], strict=True)]
    large = np.kron(grid, np.ones((*steps, 1))) * tokens.mask[..., None]
    placed = np.zeros((*shape, 3), np.float32)
    start = np.array(tokens.record.geometry.start)
    low, high = np.maximum(start, 0), np.minimum(start + volume, shape)
    inside = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    placed[inside] = large[tuple(slice(*ends) for ends in zip(low - start, high - start, strict=True))]
    return placed


def panels(results: Path) -> dict[str, np.ndarray]:
    """Title -> volume with values in [0, 1], in RAS+ and cropped to the brain."""
    session, model = chosen(results), neuroquant.load(results / "models" / MODEL, device="cpu")
    tokens = model.encode(session.scans[session.source])
    like = model.encode(session.other[session.target])
    truth = {name: voxels(path) for name, path in session.scans.items()}
    brain = truth[session.source] > 0
    white = {name: np.percentile(values[brain], WHITE) for name, values in truth.items()}
    code_grid = " x ".join(map(str, tokens.indices.shape))
    decoded, made = voxels(model.decode(tokens)), voxels(model.translate(tokens, like=like))
    shown = {
        f"{session.source}, original": truth[session.source] / white[session.source],
        f"tokens: {code_grid} codes": colours(tokens, brain.shape),
        f"{session.source}, decoded": decoded / white[session.source],
        f"{session.target}, made of the {session.source}": made / white[session.target],
        f"{session.target}, original": truth[session.target] / white[session.target],
    }
    ends = [(each.min() - MARGIN, each.max() + MARGIN + 1) for each in np.nonzero(brain)]
    box = tuple(slice(max(low, 0), high) for low, high in ends)
    return {title: np.clip(volume[box], 0, 1) for title, volume in shown.items()}


def draw(shown: dict[str, np.ndarray], path: Path) -> None:
    """A column per panel, the axial plane above the coronal one; the subject's left is on the left."""
    sides = next(iter(shown.values())).shape
    ratios = [sides[1], sides[2]]
    size = (WIDTH * len(shown), WIDTH * sum(ratios) / sides[0] + TITLE)
    figure, axes = plt.subplots(2, len(shown), figsize=size, height_ratios=ratios, facecolor="black")
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=1 - TITLE / size[1], wspace=0.04, hspace=0.02)
    for column, (title, volume) in enumerate(shown.items()):
        for row, (axis, height) in enumerate(HEIGHTS.items()):
            plane = np.moveaxis(np.take(volume, int(height * sides[axis]), axis), 0, 1)
            smooth = "nearest" if volume.ndim == 4 else "bicubic"
            axes[row, column].imshow(plane, "gray", vmin=0, vmax=1, origin="lower", interpolation=smooth)
            axes[row, column].axis("off")
        axes[0, column].set_title(title, color="white", fontsize=10)
    figure.savefig(path, dpi=DPI, facecolor="black", metadata={"Software": None})


if __name__ == "__main__":
    draw(panels(Path(sys.argv[1])), Path(sys.argv[2]))
