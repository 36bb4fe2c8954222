"""What the report consists of: one entry for each figure, page and table.

Snakemake's menus, the links of the front page, the targets of the rule `report` and the files that the RO-Crate
describes follow from these entries. A new figure is a module, a rule and an entry.
"""

import itertools
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from operator import attrgetter

TABLES = {"table1": "Table 1", "table2": "Table 2"}
"""Values of the wildcard `table`, and their titles."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure, page or table of the report, with everything that its rule writes for it.

    Paths, titles and labels may hold wildcards in braces: `{cohort}`, `{shard}` and `{table}`.

    Attributes
    ----------
    name : str
        By which rules and pages refer to it.
    rule : str
        The rule that makes it.
    title : str
        Text of the links to it.
    category, subcategory : str
        Its place in Snakemake's menu.
    caption : str
        Name of a file in `report/captions`.
    outputs : dict of str to str
        Kind of file -> path below the results folder.
    labels : dict of str to str
        What the menu shows of it; the label of the kind comes last.
    kinds : dict of str to str
        Kind -> its label in the menu, named `kind_label`. Outputs of other kinds stay out of the menu.
    kind_label : str
        Name of the menu's column of kinds.
    opens : str
        Kind to which the front page links; empty: the front page doesn't link to it.
    about : str
        What the link's reader finds there, in a few words.
    needs : str
        The setting without which an experiment doesn't have it; empty: every experiment has it.
    """

    name: str
    rule: str
    title: str
    category: str
    caption: str
    outputs: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    kind_label: str = "format"
    subcategory: str = ""
    opens: str = ""
    about: str = ""
    needs: str = ""

    def at(self, **known: str) -> "Entry":
        """The entry with values in place of some wildcards; the others stay."""

        def filled(texts: Mapping[str, str]) -> dict[str, str]:
            return {key: text.format_map(_Known(known)) for key, text in texts.items()}

        return replace(self, outputs=filled(self.outputs), labels=filled(self.labels), kinds=filled(self.kinds))

    def menu(self, kind: str) -> dict[str, object]:
        """Keywords of Snakemake's `report()` for the output of a kind, but the caption."""
        facts: dict[str, object] = {"category": self.category}
        facts |= {"subcategory": self.subcategory} if self.subcategory else {}
        return facts | {"labels": {**self.labels, self.kind_label: self.kinds[kind]}}

    def targets(self, wildcards: Mapping[str, Sequence[str]]) -> list[str]:
        """Paths of all outputs in the menu, below the results folder.

        Parameters
        ----------
        wildcards : mapping of str to sequence of str
            Wildcard -> its values.
        """
        return [path for kind in self.kinds for path in expanded(self.outputs[kind], wildcards)]


class _Known(dict[str, str]):
    """Values of wildcards; a wildcard without one stays in its braces."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def expanded(path: str, wildcards: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A path with each combination of values of the wildcards that it holds."""
    names = [name for _, name, _, _ in string.Formatter().parse(path) if name]
    for values in itertools.product(*(wildcards[name] for name in names)):
        yield path.format(**dict(zip(names, values, strict=True)))


def _page(name: str, rule: str, title: str, category: str, **more: object) -> Entry:
    """A page of HTML below `report/`, which is in the menu under `what`."""
    page = {"outputs": {"html": f"report/{name}.html"}, "kind_label": "what", "caption": f"{name}.rst"}
    return Entry(name=name, rule=rule, title=title, category=category, **(page | more))


def _table(name: str, ending: str, label: str, caption: str) -> Entry:
    """A CSV that stands beside each of the tables 1 and 2."""
    return Entry(
        name=name, rule="table", title=f"{{table}}, {label}", category="Tables", subcategory="{table}", caption=caption,
        outputs={"csv": f"tables/{{table}}{ending}.csv"}, labels={"table": "{table}"}, kinds={"csv": f"{label} (CSV)"},
    )  # fmt: skip


def _drawn(name: str, *kinds: str) -> dict[str, str]:
    """Files of a figure, and the page that has it with its caption."""
    return {kind: f"figures/{name}.{kind}" for kind in kinds} | {"page": f"report/{name}.html"}


CONTENTS = (
    _page("summary", "front_page", "Summary", "Summary", kinds={"html": "what was run, and what came out"}),
    Entry(
        name="table", rule="table", title="{table}", category="Tables", subcategory="{table}", caption="tables.rst",
        outputs={kind: f"tables/{{table}}.{kind}" for kind in ("csv", "md", "html", "tex")},
        labels={"table": "{table}"}, opens="html",
        about="scores with intervals and published values",
        kinds={"html": "as in the paper", "csv": "numbers (CSV)", "tex": "LaTeX"},
    ),
    _table("tests", "_tests", "tests against the runner-up", "tests.rst"),
    _table("mean", "_mean", "against the mean image", "mean.rst"),
    _table("budgets", "_budgets", "training budgets", "budgets.rst"),
    Entry(
        name="figure3", rule="draw_figure3", title="Figure 3", category="Figures", caption="figure3.rst",
        outputs=_drawn("figure3", "png", "svg", "pdf"),
        labels={"figure": "3"}, kinds={"page": "figure and caption"}, opens="page",
        about="originals and reconstructions with their errors",
    ),
    Entry(
        name="figure4", rule="draw_figure4", title="Figure 4", category="Figures", caption="figure4.rst",
        outputs=_drawn("figure4", "png", "svg", "pdf"),
        labels={"figure": "4"}, kinds={"page": "figure and caption"}, opens="page",
        about="regional volumes of originals and reconstructions",
    ),
    Entry(
        name="rate", rule="draw_rate", title="rate and distortion", category="Figures", caption="rate.rst",
        outputs=_drawn("rate", "png", "svg") | {"csv": "numbers/rate.csv"},
        labels={"figure": "rate and distortion"}, kinds={"page": "figure and caption"}, opens="page",
        about="quality against bits per volume",
    ),
    _page(
        "viewer", "draw_figure3", "viewer of reconstructions", "Figures", labels={"figure": "viewer"},
        kinds={"html": "interactive"}, kind_label="format", opens="html",
        about="a few test sessions in three planes and as surfaces",
    ),
    Entry(
        name="claims", rule="claims", title="the paper's claims", category="Claims", caption="claims.rst",
        outputs={
            "html": "tables/claims.html", "csv": "tables/claims.csv", "numbers": "tables/claims_numbers.csv",
        },
        kinds={"html": "the paper's claims beside this run"}, kind_label="what", opens="html",
        about="every statement and number of the paper with a verdict",
    ),
    Entry(
        name="cells", rule="claims", title="hashes of scores", category="Provenance", caption="cells.rst",
        outputs={"csv": "tables/cells.csv"}, kinds={"csv": "hash of the scores behind every cell (CSV)"},
        kind_label="what",
    ),
    Entry(
        name="probes", rule="probe_details", title="sex probes", category="Tables", subcategory="sex probes",
        caption="probes.rst", outputs={"html": "tables/probes.html", "csv": "numbers/probe_details.csv"},
        labels={"table": "sex probes"}, kinds={"html": "measures and controls"}, opens="html",
        about="how well sex is predicted, beside controls",
    ),
    Entry(
        name="probe_targets", rule="target_details", title="probes of other targets", category="Tables",
        subcategory="sex probes", caption="probe_targets.rst", outputs={"csv": "numbers/probe_targets.csv"},
        labels={"table": "probes of other targets"}, kinds={"csv": "measures and controls (CSV)"}, needs="probe.aims",
    ),
    Entry(
        name="breakdown", rule="breakdown", title="breakdown by structure and group", category="Tables",
        subcategory="breakdown", caption="breakdown.rst",
        outputs={"html": "tables/breakdown.html"} | {
            name: f"numbers/{name}.csv"
            for name in ("agreement", "structures", "structure_errors", "groups", "synthesis", "codebook")
        },
        labels={"table": "breakdown by structure and group"}, opens="html",
        about="structures, further metrics, groups of subjects, worst images, synthesis",
        kinds={"html": "structures, further metrics, groups, worst images, synthesis, disentanglement, codebooks"},
    ),
    Entry(
        name="costs", rule="draw_rate", title="costs", category="Tables", subcategory="costs", caption="costs.rst",
        outputs={"html": "tables/costs.html", "csv": "numbers/costs.csv"}, labels={"table": "costs"},
        kinds={"html": "bits, parameters, seconds"}, opens="html", about="bits, parameters and seconds of every model",
    ),
    Entry(
        name="robustness", rule="draw_robustness", title="robustness", category="Figures", caption="robustness.rst",
        outputs=_drawn("robustness", "png", "svg") | {"csv": "numbers/robustness.csv"},
        labels={"figure": "robustness"}, kinds={"page": "figure and caption"}, opens="page",
        about="reconstructions of scans with bias field, noise and other faults", needs="robustness.faults",
    ),
    Entry(
        name="training", rule="training_curves", title="training", category="Training", caption="training.rst",
        outputs=_drawn("training", "png", "svg"), labels={"what": "training curves"},
        kinds={"page": "figure and caption"}, opens="page", about="losses and validation by step",
    ),
    Entry(
        name="codes", rule="training_curves", title="codebooks in training", category="Training", caption="codes.rst",
        outputs=_drawn("codes", "png", "svg"),
        labels={"what": "codebook and disentanglement"}, kinds={"page": "figure and caption"}, opens="page",
        about="use of the codes by step",
    ),
    _page(
        "people", "front_page", "cohorts and exclusions", "Cohorts", subcategory="Sessions", labels={"cohort": "all"},
        kinds={"html": "exclusions and splits"}, opens="html", about="who was used, who was excluded and why",
    ),
    Entry(
        name="exclusions", rule="front_page", title="exclusions", category="Cohorts", subcategory="Sessions",
        caption="people.rst", outputs={"csv": "numbers/exclusions.csv"}, labels={"cohort": "all"},
        kinds={"csv": "exclusions (CSV)"}, kind_label="what",
    ),
    Entry(
        name="montage", rule="montage", title="volumes of {cohort}, {shard}", category="Cohorts",
        subcategory="Volumes", caption="montage.rst", outputs={"png": "figures/montage/{cohort}/{shard}.png"},
        labels={"cohort": "{cohort}"}, kinds={"png": "volumes of {shard}"}, kind_label="what",
    ),
    Entry(
        name="qc", rule="qc", title="quality of {cohort}", category="Cohorts", subcategory="Volumes", caption="qc.rst",
        outputs={"png": "figures/qc_{cohort}.png", "tsv": "cohorts/{cohort}/qc.tsv"}, labels={"cohort": "{cohort}"},
        kinds={"png": "quality of preprocessing"}, kind_label="what",
    ),
    _page(
        "origins", "front_page", "provenance", "Provenance", kinds={"html": "time by rule, versions, hashes, command"},
        outputs={
            "html": "report/origins.html", "csv": "numbers/runtime.csv", "json": "report/provenance.json",
        },
        opens="html", about="time by rule, versions, hashes, command",
    ),
    _page(
        "checklist", "front_page", "CLAIM checklist", "Provenance", kinds={"html": "CLAIM checklist"}, opens="html",
        about="the reporting checklist, filled in by the run",
    ),
    _page(
        "methods", "front_page", "methods text", "Summary", kinds={"html": "methods for a paper"}, opens="html",
        about="a paragraph of methods for a paper, with citations",
    ),
)  # fmt: skip
"""All of the report, in the order in which the front page links to it."""


def contents_of(experiment: object) -> tuple[Entry, ...]:
    """The entries that the report of an experiment has.

    Parameters
    ----------
    experiment : Experiment
        Only the settings that entries need are read.
    """
    return tuple(one for one in CONTENTS if not one.needs or attrgetter(one.needs)(experiment))


def entry(name: str) -> Entry:
    """The entry of that name.

    Raises
    ------
    KeyError
        If no entry has it.
    """
    for one in CONTENTS:
        if one.name == name:
            return one
    raise KeyError(f"the report has no entry {name!r}; it has {', '.join(each.name for each in CONTENTS)}")


def patterns(one: Entry) -> list[str]:
    """Patterns (`pathlib`'s) that fit the outputs of an entry and no other's, below the results folder."""
    wildcards = {"table": tuple(TABLES), "cohort": "*", "shard": "*"}
    return [path for output in one.outputs.values() for path in expanded(output, wildcards)]


def made_by(path: str) -> str:
    """The rule that writes a file of the report; empty where no entry has it.

    Parameters
    ----------
    path : str
        Below the results folder.
    """
    return next((one.rule for one in CONTENTS if any(fnmatchcase(path, each) for each in patterns(one))), "")
