"""The text of a model card, section by section."""

import math
from typing import Any

from neuroquant.config.model import ModelEntry, ModelFolder, Weights
from neuroquant.model_card.facts import Facts, Score, Scores
from neuroquant.model_config import CHAIN

PAPER = "2604.05171"
"""The paper's number on arXiv."""
BIBTEX = f"""```bibtex
@misc{{li2026neuroquant,
  title = {{Modality-Aware and Anatomical Vector-Quantized Autoencoding for Multimodal Brain {{MRI}}}},
  author = {{Li, Mingjie and Kim, Edward and Zhao, Yue and Adeli, Ehsan and Pohl, Kilian M.}},
  year = {{2026}},
  eprint = {{{PAPER}}},
  archivePrefix = {{arXiv}}
}}
```"""


def text_of(facts: Facts) -> str:
    """A card's text, Markdown, without the metadata."""
    sections = {
        "": introduction(facts.entry),
        "How to use": how_to_use(facts),
        "Architecture": architecture(facts),
        "Training data": training_data(facts),
        "Measured scores": measured(facts.scores),
        "Limits": limits(facts),
        "Licence": licence(facts.entry),
        "Citation": f"The model's architecture and losses follow, or are compared in:\n\n{BIBTEX}",
    }
    parts = [f"# {facts.entry.shown}"]
    parts += [f"## {title}\n\n{text}" if title else text for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def introduction(entry: ModelEntry) -> str:
    """What it is."""
    kinds = ", ".join(entry.suffixes)
    own = {
        "trained_here": "trained by this workflow",
        "trained_elsewhere": "trained elsewhere before",
        "authors_weights": "with its authors' weights",
        "reference": "a reference that isn't trained by gradients",
    }[entry.group]
    return (
        f"An autoencoder of 3D brain MRI ({kinds}), {own}. Saved by NeuroQuant, an independent implementation and "
        f"benchmark of arXiv:{PAPER}. Research software; not a medical device."
    )


def how_to_use(facts: Facts) -> str:
    """Code that loads it."""
    first = facts.entry.suffixes[0]
    return (
        "```python\nimport neuroquant\n\n"
        'model = neuroquant.load("FOLDER")  # this folder, or owner/name on the hub\n'
        f'tokens = model.encode("sub-01_{first}.nii.gz")  # a path, a nibabel image, or an array with its affine\n'
        "image = model.decode(tokens)  # a nibabel image on the scan's own grid\n```\n\n"
        f"Scans are prepared as its training images were: volumes of {_sides(facts.volume.shape)} voxels, RAS+, "
        "cut to the brain, intensities scaled by percentiles of the brain. Raw heads are skull-stripped first."
    )


def architecture(facts: Facts) -> str:
    """The network in numbers."""
    found = facts.provenance
    lines = [("architecture", f"`{facts.entry.architecture}`"), ("modalities", ", ".join(facts.entry.suffixes))]
    lines += [("volume", f"{_sides(facts.volume.shape)} voxels")]
    for key, label in (("parameters", "parameters"), ("factor", "side reduction of the latents")):
        if _number(found.get(key)):
            lines.append((label, f"{found[key]:,}"))
    if _number(found.get("kbit_per_volume")):
        lines.append(("size of a volume's latents", f"{found['kbit_per_volume']:,.4g} kbit"))
    return _table(("", ""), lines)


def training_data(facts: Facts) -> str:
    """On what it was trained, in numbers."""
    found, data, lines = facts.provenance, facts.data, []
    if facts.entry.group == "authors_weights":
        return "Its authors' weights, as they are or as training went on from them; see the licence of these."
    before = began_with(found)
    if before and not facts.entry.training.phases:
        return before
    if data is not None:
        lines += [
            ("cohorts", f"{data.cohorts:,}"),
            ("subjects", f"{data.subjects:,}"),
            ("sessions", f"{data.sessions:,}"),
        ]
        lines += [(f"{name} images", f"{count:,}") for name, count in data.images.items()]
    elif _number(found.get("sessions")):
        lines.append(("sessions", f"{found['sessions']:,}"))
    if _number(found.get("voxel_mm")):
        lines.append(("voxels", f"{found['voxel_mm']:.3g} mm"))
    if found.get("steps"):
        lines.append(("optimizer steps", f"{found['steps']:,}"))
    if _number(found.get("voxels_seen")):
        lines.append(("voxels seen in training", f"{found['voxels_seen']:.3g}"))
    if not lines:
        return "None: it learns nothing." if facts.entry.group == "reference" else "This folder doesn't say."
    kind = (
        "All images are synthetic brains, made by the workflow; no person was scanned."
        if data and data.synthetic
        else ""
    )
    return "\n\n".join(filter(None, [before, before and "Then it was trained on:", _table(("", ""), lines), kind]))


def began_with(found: dict[str, Any]) -> str:
    """The models that a model began with, the last first; empty where it began with none.

    Parameters
    ----------
    found : as a model folder's provenance.json.
    """
    texts, before = [], found.get(CHAIN)
    while isinstance(before, dict):
        known = [f"{before[name]:,} {name}" for name in ("sessions", "steps") if _number(before.get(name))]
        trained = f"trained on {' in '.join(known)}" if known else "whose folder doesn't say on how many sessions"
        digest = str(before.get("weights_sha256", ""))[:16]
        texts.append(f"weights of the model `{before.get('model', '')}`, {trained} (SHA-256 {digest}...)")
        before = before.get(CHAIN)
    return f"It began with {'; these began with '.join(texts)}." if texts else ""


def measured(scores: Scores) -> str:
    """Scores of test subjects with their intervals."""
    if not scores.scores:
        return "None beside this folder: the workflow's report has them where the model was scored."
    rows = [
        (each.label, each.modality, each.metric.titled, _interval(each), str(each.subjects), each.stand_in)
        for each in scores.scores
    ]
    head = (
        "cohort",
        "modality",
        "metric",
        f"mean [{scores.confidence:.0%} interval]",
        "test subjects",
        "measured with",
    )
    verdicts = [f"- {label}, {modality}: PSNR {verdict}" for label, modality, verdict in scores.against_mean]
    beside = ["Against the mean training image, which takes no bits:", "\n".join(verdicts)] if verdicts else []
    how = (
        "Test subjects weren't trained on. Intervals resample families, or subjects where no family is known. PSNR and "
        "SSIM are of reconstructions, Dice of structures in them; accuracy is that of a network that predicts the sex "
        "from the latents."
    )
    if scores.trainings > 1:
        how += (
            f" Scores are means over {scores.trainings} trainings with a seed each, of which this folder holds one; "
            "`numbers/trainings.csv` of the run has each by itself."
        )
    return "\n\n".join([_table(head, rows), how, *beside])


def limits(facts: Facts) -> str:
    """What it isn't for."""
    lines = [
        "Decoded images are reconstructions: small structures and lesions may be missing or made up. Don't diagnose or "
        "treat on them.",
        f"It takes {', '.join(facts.entry.suffixes)} and no other modality. Its quality is known for people like those "
        "that it was scored on, and for no others.",
    ]
    if facts.data is not None and facts.data.synthetic:
        lines.append(
            "It has only seen synthetic brains: its scores show that the workflow runs, and say nothing of real scans."
        )
    if any("below" in verdict for *_, verdict in facts.scores.against_mean):
        lines.append("Where it is below the mean training image, see above, it has learned nothing of use.")
    return "\n".join(f"- {line}" for line in lines)


def licence(entry: ModelEntry) -> str:
    """Whose the weights are."""
    own = entry.weights
    stated = f" The authors' weights that it began with: {own.licence}." if isinstance(own, Weights) else ""
    if isinstance(own, ModelFolder):
        stated = " It began with the weights of another model, whose licence holds for it too."
    return (
        "The licence of the weights stands in the metadata of this card. `unknown` says that nobody has stated one: "
        "whoever trained the model decides, as far as the terms of the training data allow. NeuroQuant's code is "
        f"licensed under Apache-2.0.{stated}"
    )


def _interval(score: Score) -> str:
    text = score.metric.text
    if math.isfinite(score.low) and math.isfinite(score.high):
        return f"{text(score.value)} [{text(score.low)}, {text(score.high)}]"
    return f"{text(score.value)} [no interval]"


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
