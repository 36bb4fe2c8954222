"""Names of the columns of every table that passes between stages, and of entries that are no model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "reference"
"""Entry of segmentations and volumes: the originals."""

SESSION_KEY = ["cohort", "subject", "session"]
"""What names a session in every table."""
EXCLUDED = [*SESSION_KEY, "reason", "file"]
"""Columns of `excluded.tsv`: why a session is out, and the file at fault."""
NOT_LOOKED_AT = ["path", "files", "reason"]
"""Columns of `not_looked_at.tsv`: a file, a folder or a row of the participants table; the scan-like files that it
stands for; why, and what to do."""
OF_VISITS = ("age", "site", "scanner")
"""Facts that may differ from visit to visit."""
BESIDE_SCANS = ("mask", "labels")
"""Columns of files that lie beside a session's scans: the brain mask, and the ground-truth label map."""
STAMP, HASH = "_stamp", "_hash"
"""Ends of columns: of a file's bytes and time, and of the fingerprint of an image's voxels."""
TARGET = "target: "
"""Start of the name of a column that only probes read; the rest is its name in the participants table."""
QC_OF_SESSION = [
    "target", "scan_shape", "voxel_mm", "box", "brain_ml", "mask_from", "border_share", "lost_voxels", "lost_share",
    "resampled", "scale", "ground_truth", "doubts",
]  # fmt: skip
"""What the QC table of preprocessing says of a session; `target` is the modality whose space it is in, `doubts` holds
names of `DOUBTS` with spaces between."""
QC_OF_IMAGE = [
    "slice_mm", "structure", "low", "high", "n4", "inward", "registered", "mi_before", "mi_after", "shift_mm",
    "turn_deg", "mirrored", "match",
]  # fmt: skip
"""What it says of each image, as `<modality>_<this>`; from `registered` on against the target, and empty for it."""
DOUBTS = {
    "small_brain": "small brain",
    "large_brain": "large brain",
    "cut_off": "brain at the image's border",
    "poor_match": "images match poorly",
    "thick_slices": "thick slices",
}
"""What makes a session's mask doubtful, in words."""


def sessions_columns(modalities: Iterable[str], targets: Iterable[str] = ()) -> list[str]:
    """Columns of `sessions.tsv`: who and when, then a file and its stamp of each modality, mask and label map.

    Last come columns of the participants tables that only probes read.
    """
    files = [*modalities, *BESIDE_SCANS]
    known = [*SESSION_KEY, "family", "sex", *OF_VISITS, *files, *(f"{name}{STAMP}" for name in files)]
    return known + [TARGET + name for name in targets]


def qc_columns(modalities: Iterable[str]) -> list[str]:
    """Columns of the QC tables of preprocessing."""
    names = list(modalities)
    images = [f"{name}_{fact}" for name in names for fact in QC_OF_IMAGE]
    return [*SESSION_KEY, *QC_OF_SESSION, *images, *(f"{name}{HASH}" for name in names)]


def modalities_of(columns: Iterable[str]) -> list[str]:
    """The modalities of a manifest, or of `sessions.tsv`, by its columns."""
    stamped = [name.removesuffix(STAMP) for name in columns if name.endswith(STAMP) and not name.startswith(TARGET)]
    return [name for name in stamped if name not in BESIDE_SCANS]


def hash_columns(columns: Iterable[str]) -> list[str]:
    """Those of a table's columns that hold fingerprints of images, one a modality."""
    return [name for name in columns if name.endswith(HASH)]


def family_of(table: "pd.DataFrame") -> "pd.Series":
    """Each row's family; a subject whose family isn't known is one of their own."""
    return table["family"].where(table["family"] != "", table["subject"])


VOLUMES = "volumes"
"""Entry of the probes: the volumes themselves, in place of a model's latents."""
CEILING = "ceiling"
"""Entry of the anatomical scores: the segmenter's test-retest, on originals moved by half a voxel."""

# Scores of single images, a table per shard; `statistics.gather` makes one table of those of all shards.

IMAGE_KEY = [*SESSION_KEY, "family", "modality"]
"""What names an image, and whose it is."""
SCORE_KEY = [*IMAGE_KEY, "model"]
FIDELITY = [*SCORE_KEY, "region", "metric", "value"]
DICE = [*SCORE_KEY, "structure", "name", "dice", "nsd", "stand_in"]
"""`stand_in` names the segmenter that stood in for SynthSeg; empty where none did."""
REGION_VOLUMES = [*SCORE_KEY, "region", "mm3", "stand_in"]
STRUCTURE_ERRORS = [*SCORE_KEY, "structure", "name", "mae", "psnr", "stand_in"]
"""Errors of intensities within each structure of the original's segmentation."""
PREDICTIONS = [*SCORE_KEY, "probe", "array", "seed", "sex", "probability", "predicted"]
TARGET_PREDICTIONS = [
    *SCORE_KEY, "target", "part", "probe", "array", "seed", "truth", "predicted", "probabilities",
]  # fmt: skip
"""`part` is the part of the latents; `probabilities` has one number per class in the order of `TARGETS`, with spaces
between, and is empty for a target that is a number."""
TARGETS = ["target", "kind", "classes", "sessions", "subjects", "values"]
"""What each target is: `kind` is regression or classification, `classes` a JSON list, `values` how many differ."""
TARGET_VALUES = [*SESSION_KEY, "target", "value"]
"""What is known of each session; there is no row of a session of which it isn't."""
SYNTHESIS_SCORES = [*IMAGE_KEY, "source", "model", "appearance", "region", "metric", "value"]
"""`source` is the modality that the image was made of, `modality` its own."""
SYNTHESISED = "synthesised"
"""Array of a file of reconstructions: each row's image made from another modality, in whole numbers from 1 (-1) to 255
(1); 0 everywhere where none was made."""
CODES = ["cohort", "model", "modality", "codebook", "size", "code", "tokens"]
SPREAD = ["cohort", "model", "modality", "subjects", "sd_original", "sd_reconstruction", "spread"]
DISENTANGLEMENT = [
    "cohort", "model", "measure", "of", "role", "by", "classes", "value", "ci_low", "ci_high", "sessions", "families",
]  # fmt: skip
"""`role` says whether a latent should hold the anatomy or the appearance, `classes` among how many modalities a
classifier guesses; both are empty for shared codes, where `by` names a pair of modalities, or none for all pairs."""
ROBUSTNESS = [*IMAGE_KEY, "fault", "severity", "metric", "value", "model"]
"""Scores of reconstructions of spoiled test scans; without a fault the severity is 0."""
GATHERED = {
    "fidelity": FIDELITY,
    "dice": DICE,
    "dice_truth": DICE,
    "regions": REGION_VOLUMES,
    "structure_errors": STRUCTURE_ERRORS,
    "spread": SPREAD,
    "disentanglement": DISENTANGLEMENT,
    "predictions": PREDICTIONS,
    "target_predictions": TARGET_PREDICTIONS,
    "robustness": ROBUSTNESS,
}
"""Kind of gathered numbers -> its columns, which a table has even where nothing was scored."""

# What statistics compute from them.

SCORES = [*SCORE_KEY, "metric", "engine", "value"]
"""All scores of images in one table; `engine` is the segmenter that stood in for SynthSeg."""
CELL_KEY = ["cohort", "model", "modality", "metric"]
"""What names a cell."""
CELLS = [*CELL_KEY, "value", "ci_low", "ci_high", "n_subjects", "engine", "scores", "sha256"]
"""`scores` is the number of scores behind a cell, `sha256` their hash."""
TABLE = [
    *CELL_KEY, "value", "ci_low", "ci_high", "n_subjects", "published", "stand_in", "against_mean", "rank", "tied",
]  # fmt: skip
"""The cells of Table 1 or 2. `rank` is 1 for the best model of a group, `tied` says that its lead isn't significant."""
TESTS = [
    "cohort", "modality", "metric", "model", "rank", "against", "difference", "ci_low", "ci_high", "n_subjects",
    "effect_size", "p", "p_holm",
]  # fmt: skip
AGAINST_MEAN = ["cohort", "modality", "model", "difference", "ci_low", "ci_high", "n_subjects", "against_mean"]
AGAINST_FULL = ["cohort", "modality", "model", "full", "difference", "ci_low", "ci_high", "n_subjects"]
"""PSNR of a model that nobody trained, less that of the full model."""
HASHES = ["table", *CELL_KEY, "value", "scores", "sha256"]
AGREEMENT = [
    "cohort", "model", "modality", "region", "images", "reference_ml", "bias_ml", "low_ml", "high_ml", "icc",
    "stand_in",
]  # fmt: skip
ROBUST_CELLS = [
    "cohort", "model", "modality", "fault", "severity", "metric", "value", "ci_low", "ci_high", "n_subjects",
]  # fmt: skip
"""Means over test subjects of what `ROBUSTNESS` has, in the metric's unit."""
STRUCTURES = [
    "cohort", "model", "modality", "structure", "name", "images", "subjects", "dice", "dice_low", "dice_high", "nsd",
    "nsd_low", "nsd_high", "stand_in",
]  # fmt: skip
ERRORS_BY_STRUCTURE = [
    "cohort", "model", "modality", "structure", "name", "images", "subjects", "mae", "mae_low", "mae_high", "psnr",
    "psnr_low", "psnr_high", "stand_in",
]  # fmt: skip
"""`mae` in percent of the range, `psnr` in dB."""
SUBJECT_GROUPS = [*CELL_KEY, "by", "group", "subjects", "value", "ci_low", "ci_high", "stand_in"]
"""Scores of groups of subjects, `by` sex, age, site or scanner."""
SYNTHESIS = [
    "cohort", "model", "source", "modality", "appearance", "metric", "images", "subjects", "value", "ci_low", "ci_high",
    "stand_in",
]  # fmt: skip
CODEBOOK = ["cohort", "model", "modality", "codebook", "size", "tokens", "used", "usage", "perplexity", "stand_in"]
COSTS = [
    "model", "cohort", "factor", "kbit_per_volume", "bits_per_voxel", "kbit_coded", "bits_per_number", "parameters",
    "encode_s", "decode_s",
]  # fmt: skip
"""`kbit_coded` is what coding by the frequencies of training images leaves of `kbit_per_volume`."""
RATES = ["cohort", "model", "modality", "kbit_per_volume", "bits_per_voxel", "kbit_coded"]
"""Then, for each metric of the figure, its value and the ends of its interval, and `stand_in`."""
BUDGETS = ["model", "phases", "steps", "voxels_seen", "share"]
RUNTIME = ["rule", "jobs", "hours", "gpu_hours", "most_mb"]
EXCLUSIONS = ["cohort", "reason", "sessions", "subjects"]
"""Sessions and subjects that each reason cost each cohort."""
PROBES = [
    "cohort", "model", "modality", "probe", "array", "subset", "sessions", "subjects", "accuracy", "accuracy_low",
    "accuracy_high", "balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high", "auroc", "auroc_low",
    "auroc_high", "auroc_gain", "auroc_gain_low", "auroc_gain_high", "brier", "calibration_error", "subject_accuracy",
    "subject_balanced_accuracy", "subject_auroc",
]  # fmt: skip
PROBE_TARGETS = [
    "cohort", "target", "kind", "model", "modality", "part", "probe", "array", "subset", "sessions", "subjects",
    "classes", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "balanced_accuracy_low",
    "balanced_accuracy_high", "auroc", "auroc_low", "auroc_high", "mae", "mae_low", "mae_high", "r2", "r2_low",
    "r2_high", "r", "r_low", "r_high", "gain", "gain_low", "gain_high",
]  # fmt: skip
"""Probes of what isn't in Table 2. `classes` counts those among the test sessions; `gain` is the AUROC, or R2, less
that of head size alone on the same sessions."""
NUMBERS = [
    "table", "cohort", "model", "modality", "metric", "published", "group", "ours", "ci_low", "ci_high", "pi_low",
    "pi_high", "difference", "verdict",
]  # fmt: skip
"""The paper's numbers beside ours; `difference` is ours less the paper's, `pi_low` and `pi_high` are the ends of the
prediction interval."""
CLAIMS = [
    "id", "section", "claim", "cohort", "verdict", "holds", "undecided", "contradicted", "not_run", "details",
    "published", "ours", "ci_low", "ci_high", "difference", "unit",
]  # fmt: skip
"""The paper's statements beside what this run says of them; the numbers are of statements that compare once."""
