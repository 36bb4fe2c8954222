"""The part of the crate that says what ran: Snakemake's run, its rules and what each of them made."""

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.contents import made_by

WORKFLOW = "workflow/Snakefile"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
LICENCE = "http://www.apache.org/licenses/LICENSE-2.0"
PACKAGE = "https://pypi.org/project/{}/"
DONE = "http://schema.org/CompletedActionStatus"
RULES = {
    "segmenter/*": "fit_standin", "numbers/cohorts_apart.tsv": "compare_cohorts", "numbers/*.tsv": "gather",
    "numbers/cells.csv": "cells", "numbers/tests.csv": "cells", "numbers/against_mean.csv": "cells",
    "report.html": "report",
}  # fmt: skip
"""Rules that make what is no part of the report's contents, but for models: pattern of their paths -> rule."""
Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ran:
    """All jobs of a rule: how many, when the first began and the last ended, and how long they took together."""

    rule: str
    jobs: int
    began: datetime
    ended: datetime
    seconds: float


def run_entities(
    experiment: Experiment, ran: list[Ran], files: list[Entity], inputs: list[Entity], facts: dict[str, Any]
) -> list[Entity]:
    """Everything that ran: the whole run, Snakemake's own, and for each rule its step, tool, action and control.

    Parameters
    ----------
    files : entities of all files but the workflow's.
    inputs : entities of the cohorts.
    facts : as `provenance.collect` gives them.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    began = min((one.began for one in ran), default=now)
    times = {"startTime": began.isoformat(), "endTime": now.isoformat()}
    whole = {
        "@id": "#run", "@type": "CreateAction", "name": f"Run of {experiment.experiment}",
        "description": f"All {sum(one.jobs for one in ran)} jobs of the workflow, by Snakemake.",
        "instrument": {"@id": WORKFLOW}, "object": [*map(refer, inputs), {"@id": "config.yaml"}],
        "result": list(map(refer, files)), **times, "actionStatus": DONE,
    }  # fmt: skip
    controls = [
        {"@id": f"#control-{one.rule}", "@type": "ControlAction", "name": f"Orchestration of {one.rule}",
         "instrument": {"@id": f"{WORKFLOW}#{one.rule}"}, "object": {"@id": f"#action-{one.rule}"}}
        for one in ran
    ]  # fmt: skip
    engine = application("snakemake", "Snakemake", facts["packages"]["snakemake"], "https://snakemake.github.io")
    organised = {
        "@id": "#organised", "@type": "OrganizeAction", "name": "Run of Snakemake", "instrument": refer(engine),
        "object": single(list(map(refer, controls))), "result": {"@id": "#run"}, **times,
    }  # fmt: skip
    results: dict[str, list[Entity]] = {}
    for file in files:
        results.setdefault(rule_of(experiment, file["@id"]), []).append(refer(file))
    actions = [tool_action(one, results.get(one.rule, []), inputs) for one in ran]
    return [whole, organised, *controls, *actions, *(tool(one, facts) for one in ran), *steps(ran), engine]


def rule_of(experiment: Experiment, path: str) -> str:
    """The rule that made a file, given its path below the results; empty where none is known."""
    folder, _, rest = path.partition("/")
    if folder == "models":
        name = rest.partition("/")[0]
        phases = [entry.training.phases for entry in experiment.models if entry.name == name]
        return "" if not phases else "train" if phases[0] else "save_untrained"
    fits = (rule for pattern, rule in RULES.items() if fnmatchcase(path, pattern))
    return made_by(path) or next(fits, "")


def workflow_entity(ran: list[Ran], file: Entity, facts: dict[str, Any]) -> Entity:
    """The Snakefile as a workflow, with its steps and the tools behind them."""
    return {
        **file, "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "NeuroQuant's workflow", "programmingLanguage": {"@id": LANGUAGE}, "license": {"@id": LICENCE},
        "version": facts["commit"] or facts["neuroquant"],
        "hasPart": single([refer(tool(one, facts)) for one in ran]), "step": single(list(map(refer, steps(ran)))),
    }  # fmt: skip


def steps(ran: list[Ran]) -> list[Entity]:
    """The rules as steps of the workflow."""
    return [
        {"@id": f"{WORKFLOW}#{one.rule}", "@type": "HowToStep", "name": one.rule, "position": str(number + 1),
         "workExample": {"@id": f"#tool-{one.rule}"}}
        for number, one in enumerate(ran)
    ]  # fmt: skip


def refer(entity: Entity) -> Entity:
    """A reference to an entity."""
    return {"@id": entity["@id"]}


def runs(benchmarks: Path) -> list[Ran]:
    """What ran, by rule, in the order in which rules began; Snakemake writes a benchmark file when a job ends."""
    ran = []
    for folder in sorted(path for path in benchmarks.iterdir() if path.is_dir()) if benchmarks.is_dir() else []:
        times = []
        for file in sorted(folder.glob("*.tsv")):
            seconds = float(pd.to_numeric(pd.read_csv(file, sep="\t")["s"], errors="coerce").fillna(0).sum())
            times.append((file.stat().st_mtime - seconds, file.stat().st_mtime, seconds))
        if times:
            began, ended = (datetime.fromtimestamp(int(at), UTC) for at in (min(times)[0], max(t[1] for t in times)))
            ran.append(Ran(folder.name, len(times), began, ended, sum(each[2] for each in times)))
    return sorted(ran, key=lambda one: (one.began, one.rule))


def tool(one: Ran, facts: dict[str, Any]) -> Entity:
    """The script behind a rule."""
    return {
        "@id": f"#tool-{one.rule}",
        "@type": "SoftwareApplication",
        "name": f"neuroquant: {one.rule}",
        "softwareVersion": facts["neuroquant"],
        "softwareRequirements": [{"@id": PACKAGE.format(name)} for name in facts["packages"]],
    }


def tool_action(one: Ran, results: list[Entity], inputs: list[Entity]) -> Entity:
    """All jobs of a rule as one action, with references to the files that they made."""
    action = {
        "@id": f"#action-{one.rule}",
        "@type": "CreateAction",
        "name": f"{one.rule}: {one.jobs} job" + "s" * (one.jobs > 1),
        "description": f"{one.seconds:.1f} seconds of jobs",
        "instrument": {"@id": f"#tool-{one.rule}"},
        "startTime": one.began.isoformat(),
        "endTime": one.ended.isoformat(),
        "actionStatus": DONE,
    }
    if one.rule in ("index", "preprocess"):
        action["object"] = single(list(map(refer, inputs)))
    return action | ({"result": single(results)} if results else {})


def single(values: list[Entity]) -> Entity | list[Entity]:
    """A list of one as its one: how RO-Crate 1.1 wants it."""
    return values[0] if len(values) == 1 else values


def application(name: str, shown: str, version: str, url: str) -> Entity:
    """A program."""
    facts = {"@id": f"#{name}", "@type": "SoftwareApplication", "name": shown}
    return {**facts, "softwareVersion": version, "url": {"@id": url}}


def packages(facts: dict[str, Any]) -> list[Entity]:
    """The libraries that the results depend on."""
    return [
        {"@id": PACKAGE.format(name), "@type": "SoftwareApplication", "name": name, "softwareVersion": version,
         "url": PACKAGE.format(name)}
        for name, version in facts["packages"].items()
    ]  # fmt: skip
