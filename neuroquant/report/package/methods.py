"""A methods section for a paper, of what this run is and did, with its citations in BibTeX. Free to use (CC0)."""

import html
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from neuroquant.config.evaluation import SEX
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.files import write_text
from neuroquant.report.html import page
from neuroquant.report.package.checklist_facts import divided, included
from neuroquant.report.sentences import listed, seeds_in_words
from neuroquant.statistics.people import CohortTables

CITED = re.compile(r"\[@(\w+)\]")
"""How a text names a work: `[@key]`, a key of references.yaml."""
OF_ARCHITECTURES = {
    "neuroquant": "li2026",
    "baselines.vqgan": "zhu2024",
    "baselines.sd_vae": "rombach2022",
    "baselines.meditok": "ma2025",
    "baselines.medvae": "varma2025",
    "baselines.monai_kl": "cardoso2022",
}
"""Architecture -> the work that describes it."""
MASKS = {
    "given": "a mask that comes with the data",
    "stripped": "the signal of skull-stripped scans",
    "labels": "a label map",
    "deepbet": "deepbet [@fisch2024]",
    "synthseg": "SynthSeg [@billot2023]",
}
ENGINES = {
    "torch": "SynthSeg {version} [@billot2023]",
    "upstream": "SynthSeg {version} [@billot2023]",
    "freesurfer": "FreeSurfer's implementation of SynthSeg [@billot2023]",
    "standin": "an atlas of the training subjects with a mixture of Gaussians [@ashburner2005], which is no substitute "
    "for SynthSeg",
}
LICENCE = (
    "This text may be copied, changed and published without asking or naming anybody (CC0 1.0). Check it against your "
    "data before you do: the run doesn't know who was studied, on which scanners, or who approved it."
)


@lru_cache(maxsize=1)
def references() -> dict[str, dict[str, Any]]:
    """Key -> the work's fields, as references.yaml has them."""
    return yaml.safe_load((Path(__file__).parent / "references.yaml").read_text(encoding="utf-8"))


def write_methods(experiment: Experiment, cohorts: CohortTables, provenance: dict[str, Any], out: Path) -> None:
    """Write the page.

    Parameters
    ----------
    provenance : dict
        As `provenance.collect` gives it.
    """
    texts = methods(experiment, cohorts, provenance)
    keys = list(dict.fromkeys(key for text in texts.values() for key in CITED.findall(text)))
    body = "".join(f"<p><b>{heading}.</b> {_cited(text)}</p>" for heading, text in texts.items())
    entries = "\n\n".join(bibtex(key) for key in keys)
    write_text(
        out,
        page(
            "Methods text",
            f'<h1>Methods text</h1><p class="note">{LICENCE}</p><article class="prose">{body}</article>'
            f'<h2>References</h2><pre tabindex="0">{html.escape(entries)}</pre>',
        ),
    )


def _cited(text: str) -> str:
    """A text as HTML, with authors and year in place of keys."""
    return CITED.sub(lambda match: f"({html.escape(references()[match.group(1)]['cited'])})", html.escape(text))


def bibtex(key: str) -> str:
    """One work as an entry of BibTeX."""
    fields = {name: value for name, value in references()[key].items() if name not in ("cited", "type")}
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{references()[key]['type']}{{{key},\n{lines}\n}}"


def methods(experiment: Experiment, cohorts: CohortTables, provenance: dict[str, Any]) -> dict[str, str]:
    """Heading -> paragraph, with works as `[@key]`."""
    return {
        "Data": data(experiment, cohorts),
        "Preprocessing": preprocessing(experiment),
        "Models": compared(experiment),
        "Evaluation": evaluation(experiment),
        "Statistics": statistics(experiment),
        "Software": software(provenance),
    }


def data(experiment: Experiment, cohorts: CohortTables) -> str:
    """Who was in, and how subjects were divided."""
    synthetic = [cohort.shown for cohort in experiment.cohorts if cohort.stand_in]
    kind = ""
    if synthetic:
        kind = f" {listed(synthetic)} {'are' if len(synthetic) > 1 else 'is'} synthetic and stands for no person"
        own = any(cohort.synthetic and not cohort.synthetic.labels for cohort in experiment.cohorts)
        kind += ": images were simulated from deformed templates of the ICBM [@fonov2009]." if own else "."
    split = divided(experiment)
    if experiment.training_cohorts:
        split = f"Subjects were divided {split[:1].lower()}{split[1:]}"
    return (
        f"{listed(list(experiment.modalities))} images were used. {included(experiment, cohorts)}{kind} Data were "
        f"organised by BIDS or a layout like it [@gorgolewski2016]. {split} Families were kept within one split."
    )


def preprocessing(experiment: Experiment) -> str:
    """How scans became volumes."""
    volume = experiment.volume
    size, (low, high) = " x ".join(map(str, volume.shape)), volume.percentiles
    voxels = f"resampled to voxels of {volume.voxel_mm:g} mm" if volume.voxel_mm else "kept at their own voxel size"
    parts = [f"Images were oriented to RAS+ and {voxels}"]
    if volume.registration != "off" and len(experiment.modalities) > 1:
        which = "on different grids " if volume.registration == "grids" else ""
        target = volume.registration_target or experiment.modalities[0]
        parts.append(
            f"images {which}of one session were registered rigidly to its {target} image with ANTs [@avants2011]"
        )
    if volume.n4:
        parts.append("the bias field was corrected with N4 [@tustison2010]")
    masks = ", or ".join(MASKS[source] for source in volume.brain_mask)
    return (
        f"{'; '.join(parts)}. The brain mask was the first available of: {masks}. Intensities from percentile {low:g} "
        f"to {high:g} of the brain were mapped to -1 and 1, and volumes were cropped or padded to {size} voxels."
    )


def compared(experiment: Experiment) -> str:
    """The models and how they were trained."""
    names = dict.fromkeys((*experiment.table1.models, *experiment.table2.models))
    entries = [experiment.model(name) for name in names]
    parts = [f"The following models were compared: {listed(_described(entries))}."]
    groups = {
        "authors_weights": "with the weights of their authors",
        "reference": "without training, for orientation",
    }
    for group, words in groups.items():
        own = [entry.shown for entry in entries if entry.group == group]
        if own:
            parts.append(f"{listed(own)} {'were' if len(own) > 1 else 'was'} run {words}.")
    trained = [entry for entry in entries if entry.training.phases]
    if trained:
        schedules: dict[str, list[str]] = {}
        for entry in trained:
            schedules.setdefault(f"{_schedule(entry)}, {seeds_in_words(experiment, entry.name)}", []).append(
                entry.in_legends
            )
        words = "; ".join(f"{listed(names)}: {schedule}" for schedule, names in schedules.items())
        parts.append(f"Training: {words}. Weights of the last step were used.")
    return " ".join(parts)


def _described(entries: list[ModelEntry]) -> list[str]:
    """Names of models, the first of each architecture with the work that describes it."""
    names, cited = [], set()
    for entry in entries:
        key = OF_ARCHITECTURES.get(entry.architecture)
        names.append(f"{entry.in_legends} [@{key}]" if key and key not in cited else entry.in_legends)
        cited.add(key)
    return names


def _schedule(entry: ModelEntry) -> str:
    """Steps, batches and optimizer of one training."""
    optimizer = {"adamw": "AdamW", "muon": "Muon"}[entry.training.optimizer]
    kinds = {"3d": "volumes", "2d": "slices"}
    phases = " then ".join(
        f"{phase.steps:,} steps of {phase.batch} on "
        + (f"pieces of {' x '.join(map(str, phase.crop))} voxels" if phase.crop else kinds[phase.mode])
        for phase in entry.training.phases
        if entry.training.joint or phase.mode == "3d"
    )
    return f"{phases} with {optimizer}"


def evaluation(experiment: Experiment) -> str:
    """What was measured on test subjects."""
    fidelity, segmentation, probe = experiment.fidelity, experiment.segmentation, experiment.probe
    parts = [
        f"On test subjects only, PSNR and 3D SSIM [@wang2004] (Gaussian window of {fidelity.ssim_window} voxels) were "
        f"computed over the region '{fidelity.region}'."
    ]
    if segmentation.engine != "none":
        engine = ENGINES[segmentation.engine].format(version=segmentation.version)
        parts.append(
            f"Reconstructions and originals were segmented by {engine}, and compared by Dice [@dice1945] and by "
            "regional volumes with limits of agreement [@bland2007]."
        )
    seeds = len(probe.seeds)
    parts.append(
        f"Sex was predicted from the frozen latents by a SEResNet-{probe.depth} [@hu2018] from MONAI [@cardoso2022], "
        f"trained for up to {probe.epochs} epoch{'s' * (probe.epochs > 1)} with {seeds} seed{'s' * (seeds > 1)}."
    )
    further = [target.replace("[@", "[") for target in probe.targets if target != SEX]
    if further:
        parts.append(
            f"In the same way {', '.join(further)} {'was' if len(further) == 1 else 'were'} predicted: numbers with "
            f"more than {probe.most_classes} values by regression, all else by classification."
        )
    return " ".join(parts)


def statistics(experiment: Experiment) -> str:
    """Intervals and tests."""
    settings, shown = experiment.statistics, (*experiment.table1.models, *experiment.table2.models)
    several = any(len(experiment.trainings(name)) > 1 for name in shown)
    trainings = (
        " Of a model with several seeds the mean over its trainings is shown; the variances of "
        "families and of trainings add up in its intervals and tests, whose critical value is the mean of the t of "
        "each, weighted by their variances to the power of 1.5 (after Cochran and Cox 1957, who weight by variances)."
        if several
        else ""
    )
    return (
        "Scores are means over families, or subjects where no family is known, each of which counts once, with "
        f"{settings.confidence:.0%} intervals of a bootstrap over them ({settings.bootstrap:,} resamples), widened by "
        "Student's t [@hesterberg2015]. Each model was compared with the best other one of its group by Wilcoxon's "
        "signed-rank test over families [@wilcoxon1945], with Holm's correction over all comparisons of a table and of "
        f"the statements about it [@holm1979].{trainings}"
    )


def software(provenance: dict[str, Any]) -> str:
    """Code and versions."""
    packages, commit = provenance["packages"], provenance.get("commit", "")
    at = f", commit {commit}" if commit else ""
    named = ", ".join(
        f"{name} {version}"
        for name, version in packages.items()
        if version != "not installed" and name not in ("snakemake", "torch")
    )
    return (
        f"All steps ran in the workflow NeuroQuant {provenance['neuroquant']}{at}, an independent implementation of "
        f"the model [@li2026], with Snakemake {packages.get('snakemake', '')} [@molder2021] and PyTorch "
        f"{packages.get('torch', '')} [@paszke2019] on Python {provenance['python']}. Other packages: {named}."
    )
