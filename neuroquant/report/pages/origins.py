"""What made the results: time and GPU-hours by rule, versions, hashes, models, and the command that repeats the run."""

import html
import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import link, page, small_table
from neuroquant.report.package.provenance import to_share
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.runtime import gpu_of, runtime


def write_origins(
    experiment: Experiment, benchmarks: Path, models: dict[str, Path], facts: dict[str, Any], out_csv: Path, out: Path
) -> pd.DataFrame:
    """Write the runtime (CSV) and the page; the runtime is returned.

    Parameters
    ----------
    benchmarks : folder of Snakemake's benchmark files, a folder per rule.
    models : model -> provenance.json of its model folder.
    facts : as `provenance.collect` gives them.
    """
    trained = {model: json.loads(path.read_text(encoding="utf-8")) for model, path in models.items()}
    table = runtime(benchmarks, trained)
    write_csv(table, out_csv)
    shown = table.assign(
        minutes=(60 * table.hours).map("{:.2f}".format),
        gpu=table.gpu_hours.map("{:.2f}".format),
        most=table.most_mb.map("{:,.0f}".format),
    )[["rule", "jobs", "minutes", "gpu", "most"]]
    shown = shown.rename(
        columns={"minutes": "minutes, all jobs", "gpu": "GPU-hours", "most": "most memory of a job, MB"}
    )
    gpus = sorted({name for one in trained.values() if (name := gpu_of(one))})
    device = f"on {', '.join(gpus)}" if gpus else "no GPU was used"
    body = [
        "<h1>Provenance</h1><h2>Time by rule</h2>",
        f"<p>{table.hours.sum():.2f} hours of jobs, {table.gpu_hours.sum():.2f} GPU-hours ({html.escape(device)}), of "
        "the jobs that had ended when this page was written. Of a job that was resumed from a checkpoint only the last "
        "part counts.</p>",
        small_table(shown),
        "<h2>Models</h2>",
        small_table(model_table(experiment, trained), wrap=True),
        "<h2>Code, packages, inputs</h2>",
        made_by(experiment, facts),
    ]
    write_text(out, page("Provenance", "".join(body)))
    return table


def model_table(experiment: Experiment, trained: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """A line per model: sizes, steps, time, hashes."""
    rows = []
    for model, facts in trained.items():
        seconds = facts.get("seconds")
        rows.append(
            {
                "model": experiment.model(model).shown,
                "parameters": f"{facts['parameters']:,}",
                "steps": facts.get("steps", ""),
                "began with": began_with(facts),
                "training sessions": facts.get("sessions", ""),
                "training, minutes": "" if seconds is None else f"{seconds / 60:.2f}",
                "device": facts.get("device", ""),
                "code (SHA-256)": str(facts.get("code", ""))[:16],
                "training data (SHA-256)": str(facts.get("training_data", ""))[:16],
            }
        )
    return pd.DataFrame(rows)


def began_with(facts: dict[str, Any]) -> str:
    """Whose weights a model began with, back to the first, in words; empty where it began with none.

    Parameters
    ----------
    facts : as a model folder's provenance.json.
    """
    before, published = facts.get("trained_elsewhere"), facts.get("published_weights")
    if published:
        return f"authors' weights {published.get('filename', '')} ({str(published.get('sha256', ''))[:16]})"
    if not before:
        return ""
    known = [f"SHA-256 {str(before.get('weights_sha256', ''))[:16]}"]
    known += [f"{before[name]:,} {name}" for name in ("sessions", "steps") if isinstance(before.get(name), int)]
    how = "as it is" if not before.get("fine_tuned") else "trained on"
    if before.get("resampled_to_mm"):
        how += f", volumes resampled to {before['resampled_to_mm']:g} mm for it"
    codebook = f", codebook: {before['codebook']}" if before.get("codebook") else ""
    further = began_with(before)
    text = f"{before.get('model', '')} ({'; '.join(known)}), {how}{codebook}"
    return f"{text}; which began with {further}" if further else text


def made_by(experiment: Experiment, facts: dict[str, Any]) -> str:
    """Versions, hashes and the command."""
    plain = {key.replace("_", " "): value for key, value in facts.items() if not isinstance(value, dict)}
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    table = pd.DataFrame({"what": [*plain, "packages"], "value": [*plain.values(), packages]})
    inputs = pd.DataFrame({"file": list(facts["inputs_sha256"]), "SHA-256": list(facts["inputs_sha256"].values())})
    return (
        small_table(table, wrap=True)
        + "<h2>Hashes</h2><p>Of the tables that the report was made from. The hash of the scores behind each cell "
        f"stands in {link('tables/cells.csv', 'cells.csv')}; models, tables, figures and numbers with their hashes are "
        "in <code>ro-crate-metadata.json</code> beside the report.</p>"
        + small_table(inputs)
        + reproduce(experiment, facts)
    )


def reproduce(experiment: Experiment, facts: dict[str, Any]) -> str:
    """Commit, date, configuration and command."""
    commit = facts["commit"].removesuffix("-dirty")
    config = yaml.safe_dump(to_share(experiment), sort_keys=False, width=110)
    code = f"the code of commit {commit} ({facts['commit_date']})"
    if not commit:
        code = f"NeuroQuant {facts['neuroquant']}; the code was in no git checkout"
    elif commit != facts["commit"]:
        code += ", with changes that are not in that commit"
    where = " In place of each <code>/path/to/...</code> write your own path." if "/path/to/" in config else ""
    checkout = f"git checkout {commit}\n" if commit else ""
    return (
        f"<h2>Run it again</h2><p>Made by {html.escape(code)}; this page was written on {facts['written_on']}. Save "
        f"the configuration below as <code>again.yaml</code> in a checkout.{where}</p>"
        f'<pre tabindex="0">{html.escape(checkout)}snakemake all --cores all --configfile again.yaml</pre>'
        "<details><summary>The configuration: again.yaml</summary>"
        f'<pre tabindex="0">{html.escape(config)}</pre></details>'
    )
