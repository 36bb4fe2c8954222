"""While a run goes on, each stage has a line with jobs done, jobs in all and the time left."""

import logging
from collections import Counter

import pytest

from neuroquant.stages import Listener, Stages


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def run(clock):
    """Stages of a run of four trainings and one table, the lines shown, and its listener."""
    lines, jobs = [], Counter(train=4, cells=1, all=1)
    listener = Listener(Stages({"train": "models", "cells": "tables"}, lines.append), lambda: jobs)
    return listener, lines, jobs


def tell(listener, event, **facts):
    record = logging.LogRecord("snakemake.logging", logging.INFO, "", 0, None, None, None)
    record.__dict__.update(event=event, **facts)
    listener.emit(record)


def end(listener, number, total=6):
    tell(listener, "job_finished", job_id=number)
    tell(listener, "progress", done=number, total=total)


def test_a_stage_says_what_is_done_and_how_long_the_rest_takes_at_its_pace(run, clock):
    listener, lines, _ = run
    tell(listener, "job_info", jobid=1, rule_name="train")
    clock[0] += 120
    end(listener, 1)
    assert lines == [
        "stage models            0/4 jobs, starts (whole run: 0/5 jobs)",
        "stage models            1/4 jobs, about 6 min left (whole run: 1/5 jobs)",
    ]


def test_a_stage_that_waits_for_another_is_not_slow(run, clock):
    listener, lines, _ = run
    for number in (1, 2):
        tell(listener, "job_info", jobid=number, rule_name="train")
        clock[0] += 60
        end(listener, number)
        clock[0] += 3600
    assert "2/4 jobs, about 2 min left" in lines[-1]


def test_time_is_counted_once_while_jobs_of_a_stage_run_together_and_while_one_fails(run, clock):
    listener, lines, _ = run
    tell(listener, "job_info", jobid=1, rule_name="train")
    tell(listener, "job_info", jobid=2, rule_name="train")
    clock[0] += 60
    tell(listener, "job_error", jobid=2)
    clock[0] += 60
    end(listener, 1)
    assert "1/4 jobs, about 6 min left" in lines[-1]


def test_lines_of_a_stage_are_30_s_apart_but_the_last_job_has_one(run, clock):
    listener, lines, _ = run
    for number in range(1, 5):
        tell(listener, "job_info", jobid=number, rule_name="train")
        clock[0] += 10
        end(listener, number)
    assert [line.split()[2] for line in lines] == ["0/4", "3/4", "4/4"]
    assert "done in 40 s" in lines[-1]


def test_jobs_that_a_checkpoint_adds_are_counted(run, clock):
    listener, lines, jobs = run
    tell(listener, "job_info", jobid=1, rule_name="train")
    end(listener, 1)
    jobs["train"] = 9
    clock[0] += 60
    tell(listener, "job_info", jobid=2, rule_name="train")
    end(listener, 2, total=11)
    assert lines[-1].startswith("stage models            2/9 jobs")


def test_targets_and_other_messages_have_no_line(run):
    listener, lines, _ = run
    tell(listener, "job_info", jobid=1, rule_name="all")
    end(listener, 1)
    listener.emit(logging.LogRecord("snakemake.logging", logging.INFO, "", 0, "a message", None, None))
    assert lines == []


def test_an_event_that_is_not_as_expected_ends_no_run(run, monkeypatch):
    listener, lines, _ = run
    monkeypatch.setattr("logging.raiseExceptions", False)
    tell(listener, "job_info")
    assert lines == []
