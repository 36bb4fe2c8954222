"""Do the tests notice a wrong line? Each mutation of mutations.yaml is made in a copy, and its nearest tests run there.

`python benchmarks/mutations.py [WORD ...] [--seconds 120] [--out benchmarks/mutations.md]`: all mutations, or those in
whose file, line or test one of the words stands. A mutation that no test notices survives: a test is missing. One
whose line no longer stands in its file is stale: rewrite it. The exit status is 1 if there is either.
"""

import argparse
import importlib
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".yaml")
LIBRARIES = (
    "torch",
    "pandas",
    "scipy.stats",
    "sklearn.linear_model",
    "nibabel",
    "h5py",
    "hypothesis",
    "monai.networks",
)
"""What most tests import: loaded once, for starting takes longer than most tests."""
PASSED, FAILED, BROKEN = 0, 1, 2
"""Exit statuses of pytest."""
PATIENCE = 60
"""Times its processor time that a test may take by the clock."""
BAD = ("survived", "stale", "broken")
"""Outcomes that ask for a change: of the tests, of the list, of the mutation."""


@dataclass(frozen=True)
class Mutation:
    """One wrong line.

    Attributes
    ----------
    file : below the root of the project.
    before, after : text that stands in the file once, and the text that takes its place.
    tests : the nearest tests, as pytest takes them.
    """

    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str | None:
        """The file's text with the wrong line; None where `before` doesn't stand in it once."""
        return text.replace(self.before, self.after) if text.count(self.before) == 1 else None

    def says(self, words: list[str]) -> bool:
        """Whether one of the words stands in its file, line or tests; without words any mutation does."""
        return not words or any(word in " ".join((self.file, self.before, *self.tests)) for word in words)


def mutations(path: Path = LIST) -> list[Mutation]:
    """The list, in its order."""
    items = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Mutation(i["file"], i["before"], i["after"], tuple(i["tests"])) for i in items]


def copied(root: Path, tree: Path) -> None:
    """Copy what belongs to the project: what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, tree / name, follow_symlinks=False)


def run_tests(tree: Path, tests: tuple[str, ...], seconds: float) -> int | None:
    """Exit status of pytest in the copy, up to the first failure; None where the time was up.

    It runs in a fork of this process, which has imported the large libraries already and nothing of the project.

    Parameters
    ----------
    seconds : of processor time, so that other work on the machine kills nobody; a test that waits has `PATIENCE` times
        as long.
    """
    child = os.fork()
    if not child:
        _run_pytest(tree, tests, seconds)
    end, done = time.monotonic() + PATIENCE * seconds, 0
    try:
        while not done and time.monotonic() < end:
            time.sleep(0.05)
            done, status = os.waitpid(child, os.WNOHANG)
    finally:
        if not done:
            os.killpg(child, signal.SIGKILL)  # the session that it leads: pytest and what the tests started
            os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status) if done else None
    return None if code == -signal.SIGXCPU else code


def _run_pytest(tree: Path, tests: tuple[str, ...], seconds: float) -> NoReturn:
    """In the child: run pytest as if it had been called in the copy, and end.

    No byte code is written: two versions of a file within a second would share it.
    """
    status = BROKEN
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
        os.chdir(tree)
        sys.dont_write_bytecode, sys.path[0] = True, str(tree)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
    finally:
        os._exit(status)


def outcome(tree: Path, mutation: Mutation, seconds: float) -> str:
    """What became of one mutation: killed, survived, stale, or broken where pytest couldn't run the tests."""
    file = tree / mutation.file
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    changed = mutation.applied(text)
    if changed is None:
        return "stale"
    file.write_text(changed, encoding="utf-8")
    try:
        status = run_tests(tree, mutation.tests, seconds)
    finally:
        file.write_text(text, encoding="utf-8")
    return {PASSED: "survived", FAILED: "killed", None: "killed (time was up)"}.get(status, "broken")


def outcomes(root: Path, listed: list[Mutation], seconds: float) -> Iterator[tuple[Mutation, str, float]]:
    """Each mutation with its outcome and the processor time, in seconds, that it took.

    Raises
    ------
    RuntimeError
        If the tests fail without any mutation.
    """
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder)
        copied(root, tree)
        unchanged = tuple(dict.fromkeys(test for mutation in listed for test in mutation.tests))
        status = run_tests(tree, unchanged, seconds * len(listed))
        if status != PASSED:
            raise RuntimeError(f"without a mutation the tests end with status {status}: {' '.join(unchanged)}")
        for mutation in listed:
            before = processor_seconds()
            result = outcome(tree, mutation, seconds)
            yield mutation, result, processor_seconds() - before


def processor_seconds() -> float:
    """Processor time of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(found: list[tuple[Mutation, str, float]]) -> str:
    """The run in Markdown: counts by folder, then whatever wasn't killed."""
    folders = {mutation.file: str(Path(mutation.file).parent) for mutation, _, _ in found}
    counts = {folder: Counter() for folder in folders.values()}
    for mutation, result, _ in found:
        counts[folders[mutation.file]][result.split(" ")[0]] += 1
    seconds = sum(taken for _, _, taken in found)
    lines = [
        "# Mutations",
        "",
        f"{date.today():%-d %B %Y}, `python benchmarks/mutations.py`: each line of `benchmarks/mutations.yaml` is made "
        "wrong in a copy of",
        f"the project, and the tests nearest to it run until one fails. {len(found)} mutations, {seconds / 60:.0f} "
        f"minutes of processor time, {seconds / max(len(found), 1):.0f} s each.",
        "",
        "| folder | mutations | killed | survived | stale or broken |",
        "|---|---|---|---|---|",
    ]
    for folder, count in counts.items():
        other = count["stale"] + count["broken"]
        lines.append(f"| `{folder}` | {count.total()} | {count['killed']} | {count['survived']} | {other} |")
    left = [(mutation, result) for mutation, result, _ in found if result in BAD]
    lines += ["", "No mutation survived." if not left else "What wasn't killed:", ""]
    for mutation, result in left:
        lines += [f"* {result}: `{mutation.file}`, `{mutation.before}` became `{mutation.after}`"]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run them and print each outcome as it comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only mutations in whose file, line or tests one of these stands")
    parser.add_argument(
        "--seconds", type=float, default=120, help="processor time of each at most; its end counts as killed"
    )
    parser.add_argument("--out", type=Path, help="write the run in Markdown")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # the copy and its tests don't stay behind
    for name in LIBRARIES:
        importlib.import_module(name)
    found = []
    for mutation, result, seconds in outcomes(
        ROOT, [m for m in mutations() if m.says(arguments.words)], arguments.seconds
    ):
        print(f"{result}\t{seconds:.0f} s\t{mutation.file}\t{mutation.after.strip()}", flush=True)
        found.append((mutation, result, seconds))
    if arguments.out:
        arguments.out.write_text(report(found), encoding="utf-8")
    return int(any(result in BAD for _, result, _ in found))


if __name__ == "__main__":
    sys.exit(main())
