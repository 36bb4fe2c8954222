"""A few cases of each fuzzer, the same ones every time; `python benchmarks/fuzz.py` runs thousands."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import fuzz  # noqa: E402
import fuzz_cases  # noqa: E402


@pytest.mark.parametrize(("kind", "count"), [("nifti", 60), ("config", 30), ("table", 60), ("files", 30)])
def test_odd_input_ends_in_success_or_in_a_sentence(kind, count):
    found = fuzz.cases(kind, count)
    assert [case for case in found if fuzz.is_fault(case["end"])] == []
    assert {"taken", "refused"} == {case["end"] for case in found}, "both ends are reached"
    assert [case["number"] for case in found] == list(range(count))


def test_a_case_can_be_repeated_from_its_number():
    assert fuzz.cases("table", 3, seed=1, first=5) == fuzz.cases("table", 8, seed=1)[5:]


def raises(random, folder, told):
    told.append("anything")
    raise KeyError("where a sentence belongs")


def takes_in(random, folder, told):
    raise fuzz_cases.Broken("an image of NaN")


def hangs(random, folder, told):
    time.sleep(60)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (raises, "KeyError at test_fuzz.py"),
        (takes_in, "broken, but taken in: an image of NaN"),
        (lambda *_: os._exit(7), "the process ended with 7"),
        (lambda *_: os.kill(os.getpid(), signal.SIGKILL), "the process ended with -9"),
        (lambda *_: bytearray(5 << 30), "MemoryError"),
        (hangs, "hangs"),
    ],
)
def test_every_way_to_fail_is_seen_and_costs_one_case_alone(monkeypatch, end, words):
    if end is hangs:
        monkeypatch.setattr(fuzz, "SECONDS", 0.5)
    monkeypatch.setitem(fuzz.KINDS, "table", (end, 2))
    found = fuzz.cases("table", 2)
    assert len(found) == 2 and all(words in case["end"] and fuzz.is_fault(case["end"]) for case in found)
