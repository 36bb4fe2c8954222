"""`neuroquant plan`: what a run would ask of the scheduler, what it costs, and what can't work, in words."""

from dataclasses import replace
from pathlib import Path

import yaml

from neuroquant.cluster.asks import Ask, join_options, planned
from neuroquant.cluster.check import faults, walltime_faults
from neuroquant.cluster.estimate import MAKERS, Part, bytes_needed, disk, latent_bytes, parts
from neuroquant.cluster.rates import earlier_runs
from neuroquant.cohorts.outlook import TO_COME, outlook
from neuroquant.cohorts.source import Source
from neuroquant.config.experiment import Experiment
from neuroquant.config.load import load_experiment
from neuroquant.errors import InputError
from neuroquant.extras import require


def plan(config: Path, profile: str | None) -> tuple[str, list[InputError]]:
    """The page that a user reads, and the faults that it ends with; without Snakemake no jobs and hours.

    Parameters
    ----------
    config : an experiment's YAML.
    profile : a folder with a Snakemake profile, or None: what the machine at hand would run.

    Raises
    ------
    InputError
        If the experiment can't be planned at all.
    """
    experiment = load_experiment(config)
    results = Path("results") / experiment.experiment
    try:
        require("snakemake")
    except InputError as absent:  # who is in, and how large it gets, can be said all the same
        lines, errors = cohorts_lines(experiment)
        lines += disk_table(experiment, results, set().union(*MAKERS.values()))
        return "\n".join([*lines, ""]), [*errors, absent]
    asks = planned(config, profile)
    if profile:
        asks = [with_settings(ask, profile) for ask in asks]
    earlier = earlier_runs(Path("results"), experiment)
    costs = parts([ask for ask in asks if not (profile and ask.local)], experiment, results, earlier)
    rules = {ask.rule for ask in asks}
    cohorts, errors = cohorts_lines(experiment)
    if profile:
        status = profile_key(profile, "slurm-status-command") or "sacct"
        errors += faults(asks, results, bytes_needed(experiment, results, rules), status)
        errors += walltime_faults(asks, costs, experiment.shards)
    text = [
        *cohorts,
        *jobs_table(asks, bool(profile)),
        "",
        *costs_table(asks, costs),
        *disk_table(experiment, results, rules),
    ]
    return "\n".join([*text, ""]), errors


def cohorts_lines(experiment: Experiment) -> tuple[list[str], list[InputError]]:
    """Who is in each cohort that isn't made by the workflow, by the headers, and what keeps it from being used."""
    lines, errors = [], []
    for cohort in experiment.cohorts:
        if not cohort.synthetic:
            outcome, faulty = outlook(Source.of(experiment, cohort.name), experiment.split_of(cohort.name))
            lines += outcome
            errors += faulty
    return (["Cohorts", *lines, f"  {TO_COME}", ""] if lines else []), errors


def profile_key(profile: str, key: str) -> str:
    """What a profile says for one key of its own; empty where it says nothing."""
    for name in ("config.v8+.yaml", "config.yaml"):
        path = Path(profile) / name
        if path.is_file():
            return str((yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(key) or "")
    return ""


def with_settings(ask: Ask, profile: str) -> Ask:
    """The same jobs with the executor's settings of a profile, which a dry run doesn't see."""
    qos, reservation = (profile_key(profile, f"slurm-{name}") for name in ("qos", "reservation"))
    return replace(ask, options=join_options(ask.options, qos=qos, reservation=reservation))


def jobs_table(asks: list[Ask], scheduled: bool) -> list[str]:
    """One line a rule: how many jobs, and what each asks for."""
    if not asks:
        return ["Nothing is to be done: everything is up to date."]
    here = [ask for ask in asks if scheduled and ask.local]
    there = [ask for ask in asks if ask not in here]
    total = sum(ask.jobs for ask in there)
    head = f"{total} jobs would be asked of the scheduler" if scheduled else f"{total} jobs"
    lines = [head, f"  {'jobs':>5}  {'rule':<18} {'cores':>5} {'MB':>7} {'hours':>6}  GPU"]
    for ask in there:
        hours = f"{ask.runtime / 60:.3g}" if ask.runtime else "-"
        size = f"{ask.threads:>5} {ask.mem_mb or '-':>7} {hours:>6}"
        nodes = f" on each of {ask.nodes} nodes" if ask.nodes > 1 else ""
        lines.append(f"  {ask.jobs:>5}  {ask.rule:<18} {size}  {ask.gres or _gpus(ask)}{nodes}")
    if here:
        lines.append(f"{sum(ask.jobs for ask in here)} cheap ones run where snakemake does")
    return lines


def costs_table(asks: list[Ask], costs: list[Part]) -> list[str]:
    """Hours by rule with the source of each rate; what has none counts only in the upper bound."""
    if not asks:
        return []
    known, unknown = ([part for part in costs if (part.hours is not None) == yes] for yes in (True, False))
    lines = ["Hours by recorded rates (jobs' own, not processors')", f"  {'all jobs':>8} {'longest':>8}  rule"]
    lines += [f"  {part.hours:>8.2g} {part.longest or 0:>8.2g}  {part.rule}: {part.source}" for part in known]
    lines += [f"No rate is recorded for {', '.join(part.rule for part in unknown)}."] if unknown else []
    gpus = {ask.rule: ask.gpus for ask in asks if ask.gpus}
    if gpus:
        hours = sum((part.hours or 0) * gpus[part.rule] for part in costs if part.rule in gpus)
        most = sum(ask.jobs * ask.gpus * (ask.runtime or 0) / 60 for ask in asks)
        lines.append(f"GPU-hours: {hours:,.3g} by these rates, without what has none;")
        lines.append(f"  {most:,.0f} were every job to take the whole time that it asks for, once")
    soonest = sum(part.longest or 0 for part in known)
    lines.append(f"Time: {soonest:.2g} h at least: the longest job of each rule, one after another, as far as rates go")
    return [*lines, ""]


def _gpus(ask: Ask) -> str:
    """A node's GPUs where no gres says them; `-` without."""
    kind, number = ask.gpu
    return ":".join(["gpu", *filter(None, [kind]), str(number)]) if number else "-"


def disk_table(experiment: Experiment, results: Path, rules: set[str]) -> list[str]:
    """Bytes by folder."""
    sizes = disk(experiment, results)
    folders = ", ".join(f"{name} {_bytes(size)}" for name, size in sizes.items())
    total, more = _bytes(sum(sizes.values())), _bytes(bytes_needed(experiment, results, rules))
    lines = [f"Disk below {results}: about {total} ({folders}); {more} of it to come"]
    silent = [entry.name for entry in experiment.models if latent_bytes(entry, experiment.volume.shape) is None]
    return lines + ([f"  without the latents of {', '.join(silent)}, whose shapes aren't known"] if silent else [])


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.0f} GB" if size >= 1e10 else f"{size / 1e9:.2g} GB"
