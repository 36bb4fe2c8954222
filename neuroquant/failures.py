"""The last screen of a failed run: every job that failed, its cause, its last lines, the next command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TAIL = 3
"""Lines of a job's log that are shown."""
SILENT = (
    "It left no word of its own. Most often such a job was killed from outside, for lack of memory (`dmesg` or, on a\n"
    "cluster, `sacct` says so): give it more by compute.mem_mb, or train_mem_mb for a training."
)
EVENT = re.compile(
    r"^Error in rule (?P<rule>\w+):\n(?P<facts>(?: {4}.*\n|(?! {4}|\[|$).+\n)*)"
    r"|^Finished jobid: (?P<finished>\d+) ",
    re.MULTILINE,
)


def last_screen(records: Path, logs: list[str]) -> str:
    """What a user reads when a run has failed.

    Parameters
    ----------
    records : folder with a JSON file for every job that could still say why it failed (`neuroquant.job`).
    logs : Snakemake's own logs of the run, which name those that couldn't: killed ones, say.
    """
    failures = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json"))]
    known = {failure["log"] for failure in failures}
    texts = "\n".join(_text(Path(log)) for log in logs)
    failures += [failure for failure in failed_jobs(texts) if failure["log"] not in known]
    lines = ["", "=" * 88, "What failed"]
    for failure in failures:
        lines += ["", *_lines_of(failure)]
    if not failures:
        lines += ["", f"no job left a record of its own; see {', '.join(map(str, logs))}"]
    next_step = "next   fix the cause, then give the same command again: finished work is kept."
    return "\n".join([*lines, "", next_step, "=" * 88])


def failed_jobs(text: str) -> Iterator[dict[str, Any]]:
    """Jobs that failed and didn't end well later, from the text of Snakemake's log."""
    failed: dict[str, dict[str, Any]] = {}
    for event in EVENT.finditer(text):
        if event["finished"]:
            failed.pop(event["finished"], None)
            continue
        facts = dict(re.findall(r"^ {4}(jobid|message|output|log): (.*)$", event["facts"], re.MULTILINE))
        log = facts.get("log", "").partition(" (check log file")[0]
        said = facts.get("message", "")
        cause = SILENT if said in ("", "None") else said
        job = {"rule": event["rule"], "wildcards": {}, "output": facts.get("output", ""), "cause": cause, "log": log}
        failed[facts.get("jobid", "")] = job
    yield from failed.values()


def _lines_of(failure: dict[str, Any]) -> list[str]:
    """Rule, cause, and the end of the log of one job."""
    which = " ".join(f"{key}={value}" for key, value in failure["wildcards"].items()) or failure.get("output", "")
    lines = [f"rule   {failure['rule']} {which}".rstrip()]
    lines += [f"  {line}" for line in failure["cause"].splitlines()]
    tail = [line for line in _text(Path(failure["log"])).splitlines() if line.strip()][-TAIL:] if failure["log"] else []
    lines += [f"log    {failure['log']}, its last lines:"] if tail else []
    return lines + [f"  | {line}" for line in tail]


def _text(path: Path) -> str:
    """A file's text; empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
