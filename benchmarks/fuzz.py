"""What does the program do with input that nobody should give it? Every case must end in success or in a sentence.

    python benchmarks/fuzz.py [--nifti 10000] [--config 3000] [--table 1000] [--files 500] [--seed 0]
    python benchmarks/fuzz.py --only config 17

Four kinds of cases, each made from (seed, kind, number) alone, so that one can be repeated with `--only`:

- nifti: a T1w/T2w pair of which one file is spoilt, read as the index reads it and, where that takes it, as
  preprocessing does. What is taken must be finite volumes, and of the voxels that were in the file before.
- config: an experiment of which keys, values or bytes are wrong. What is taken must resolve to itself.
- table: participants.tsv and a published split. What is taken must part no family.
- files: a model folder and a file of tokens, given to `neuroquant decode`. It must write finite images, below --out.

Cases run in a process of their own, so that one that hangs (120 s), breaks down, or takes 4 GB more memory than before
is seen as well. Prints a line a kind: taken, refused, faults; then each fault. Exit status 1 where there is one.
"""

import argparse
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import fuzz_cases

from neuroquant.errors import InputError
from neuroquant.volumes.scan import Unusable

SECONDS, MORE_BYTES = 120.0, 4 << 30
KINDS: dict[str, tuple[Callable[..., str], int]] = {
    "nifti": (fuzz_cases.nifti, 10_000),
    "config": (fuzz_cases.config, 3_000),
    "table": (fuzz_cases.table, 1_000),
    "files": (fuzz_cases.files, 500),
}


def outcome(kind: str, seed: int, number: int) -> dict[str, Any]:
    """What became of one case: taken or refused, or a fault with what was wrong with the input."""
    random, told = np.random.default_rng([seed, sorted(KINDS).index(kind), number]), []
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            end = KINDS[kind][0](random, folder, told)
    except (InputError, Unusable) as error:
        end = "refused" if len(str(error)) < 5000 and "Traceback" not in str(error) else "an endless sentence"
    except fuzz_cases.Broken as error:
        end = f"broken, but taken in: {error}"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if "/neuroquant/" in frame.filename] or where
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        end = f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:150]}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"number": number, "end": end, "input": "; ".join(told)}


def cases(kind: str, count: int, seed: int = 0, first: int = 0) -> list[dict[str, Any]]:
    """Outcomes of cases `first` to `first + count`, from a child process, and another after each that breaks down."""
    fuzz_cases.base()  # made once, before any child
    done: list[dict[str, Any]] = []
    while len(done) < count:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _work(kind, seed, range(first + len(done), first + count), writer)
        os.close(writer)
        silent = _collect(reader, done)
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if len(done) < count:
            end = (
                f"hangs for {SECONDS:g} s" if silent else f"the process ended with {os.waitstatus_to_exitcode(status)}"
            )
            done.append({"number": first + len(done), "end": end, "input": "see --only"})
    return done


def _work(kind: str, seed: int, numbers: range, writer: int) -> None:
    """A child's life; it never returns."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_BYTES, used + MORE_BYTES))
    try:
        for number in numbers:
            os.write(writer, (json.dumps(outcome(kind, seed, number)) + "\n").encode())
    finally:
        os._exit(0)


def _collect(reader: int, done: list[dict[str, Any]]) -> bool:
    """Take in what a child says until it is done; whether it fell silent instead."""
    half = b""
    while select.select([reader], [], [], SECONDS)[0]:
        heard = os.read(reader, 1 << 16)
        if not heard:
            return False
        *whole, half = (half + heard).split(b"\n")
        done += [json.loads(line) for line in whole]
    return True


def is_fault(end: str) -> bool:
    return end not in ("taken", "refused")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, (_, count) in KINDS.items():
        parser.add_argument(f"--{kind}", type=int, default=count, help=f"cases of this kind, {count:,} by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs=2, metavar=("KIND", "NUMBER"), help="one case, in this process")
    chosen = parser.parse_args()
    if chosen.only:
        fuzz_cases.base()
        print(json.dumps(outcome(chosen.only[0], chosen.seed, int(chosen.only[1])), indent=1))
        return 0
    faults = 0
    print("kind\tcases\ttaken\trefused\tfaults", flush=True)
    for kind in KINDS:
        ends = cases(kind, getattr(chosen, kind), chosen.seed)
        wrong = [case for case in ends if is_fault(case["end"])]
        counts = Counter(case["end"] for case in ends)
        print(f"{kind}\t{len(ends)}\t{counts['taken']}\t{counts['refused']}\t{len(wrong)}", flush=True)
        for case in wrong:
            print(f"  {kind} {case['number']}\t{case['end']}\t{case['input'][:500]}", flush=True)
        faults += len(wrong)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
