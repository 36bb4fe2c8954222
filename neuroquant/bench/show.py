"""What a benchmark shows: a table of scores, sentences on the mean image, and a picture."""

from pathlib import Path
from typing import Any

from neuroquant.bench.run import Bench
from neuroquant.config.plain import read_json
from neuroquant.model_config import PROVENANCE
from neuroquant.report.figures import figure3
from neuroquant.report.figures.images import Images
from neuroquant.statistics.against_mean import ABOVE, BELOW, verdicts_on
from neuroquant.statistics.computed import Computed
from neuroquant.statistics.metrics import metric
from neuroquant.store.arrays import ArrayFile

METRICS = ("psnr", "ssim")


def table(bench: Bench, computed: Computed) -> str:
    """A line per model and modality: scores with their intervals, size, steps and the verdict beside the mean image."""
    experiment = bench.experiment
    cells = computed.cells.set_index(["model", "modality", "metric"])
    known = verdicts_on(bench.cohort, computed.against_mean)
    titles = [metric(name).titled for name in METRICS]
    lines = [["model", "modality", *titles, "kbit", "parameters", "steps", "beside the mean image"]]
    for entry in experiment.models:
        facts = read_json(bench.model(entry.name) / PROVENANCE)
        size = [f"{facts['kbit_per_volume']:.4g}", f"{facts['parameters']:,}", f"{facts['steps']:,}"]
        for modality in entry.suffixes:
            scores = [interval(name, cells.loc[entry.name, modality, name]) for name in METRICS]
            lines.append([entry.name, modality, *scores, *size, known.get((entry.name, modality), "")])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def interval(name: str, cell: Any) -> str:
    """A mean with its interval."""
    text = metric(name).text
    return f"{text(cell.value)} [{text(cell.ci_low)}, {text(cell.ci_high)}]"


def sentences(bench: Bench, computed: Computed, name: str) -> list[str]:
    """What the scores say of the model, and what they can't say."""
    known = verdicts_on(bench.cohort, computed.against_mean)
    said = []
    for verdict in sorted({each for (model, _), each in known.items() if model == name and each != ABOVE}):
        where = ", ".join(modality for (model, modality), each in known.items() if (model, each) == (name, verdict))
        lesson = ": what it has learned so far is no better than one image for everybody" if verdict == BELOW else ""
        said.append(f"{name} is {verdict} ({where}){lesson}.")
    subjects, share = int(computed.cells.n_subjects.max()), bench.experiment.statistics.confidence
    said.append(
        f"{subjects} synthetic test subjects, {share:.0%} intervals over subjects, after a brief training: enough to "
        "find a model that doesn't learn, not to rank models."
    )
    return said


def picture(bench: Bench, computed: Computed, out: Path) -> None:
    """Draw a test subject and what every model makes of it, with the errors: the workflow's Figure 3."""
    experiment = bench.experiment
    test = bench.volumes("test")
    first = next(iter(ArrayFile(test).sessions))
    images = Images([test], {entry.name: [bench.reconstructions(entry.name)] for entry in experiment.models})
    labels = {entry.name: entry.shown for entry in experiment.models}
    known = verdicts_on(bench.cohort, computed.against_mean)
    figure3.draw(images, labels, experiment.modalities, first[1:], known, [out])
