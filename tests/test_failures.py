"""The last screen names every job that failed, those that could say nothing too."""

import json

from neuroquant.failures import failed_jobs, last_screen

LOG = """\
[Sat Nov 28 11:35:12 2026]
Job 3: training base
Reason: Missing output files: results/x/models/base/model.safetensors
[Sat Nov 28 11:36:12 2026]
Error in rule train:
    message: None
    jobid: 3
    input: results/x/volumes/a/train-000.h5
    output: results/x/models/base/model.safetensors, results/x/models/base/config.json
    log: results/x/logs/train/base.log (check log file(s) for error details)
RuleException:
CalledProcessError in file "/p/rules/models.smk", line 3:
Command 'python train.py' died with <Signals.SIGKILL: 9>.
[Sat Nov 28 11:36:13 2026]
Error in rule index:
    message: None
    jobid: 4
    output: results/x/cohorts/a/index/sessions.tsv
    log: results/x/logs/index/a.log (check log file(s) for error details)
[Sat Nov 28 11:36:40 2026]
Finished jobid: 4 (Rule: index)
3 of 9 steps (33%) done
[Sat Nov 28 11:37:00 2026]
Error in rule probe:
    message: Output p.tsv has older modification time than input
    jobid: 5
    output: p.tsv
    log: results/x/logs/probe/base.log (check log file(s) for error details)
"""


def test_jobs_that_failed_and_did_not_end_well_later_are_found():
    assert [job["rule"] for job in failed_jobs(LOG)] == ["train", "probe"]


def test_a_job_that_was_killed_is_named_beside_one_that_could_say_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records, log = tmp_path / "failures", tmp_path / "snakemake.log"
    records.mkdir()
    probe = {
        "rule": "probe",
        "wildcards": {"model": "base"},
        "cause": "one sex only",
        "log": "results/x/logs/probe/base.log",
    }
    (records / "probe-base.json").write_text(json.dumps(probe))
    (tmp_path / "results/x/logs/train").mkdir(parents=True)
    (tmp_path / "results/x/logs/train/base.log").write_text("step 1\n\nstep 2\nstep 3\nstep 4\n")
    log.write_text(LOG)
    said = last_screen(records, [log])
    assert "rule   train results/x/models/base/model.safetensors" in said and "lack of memory" in said
    assert "  | step 4" in said and "step 1" not in said
    assert said.count("rule   probe") == 1 and "one sex only" in said and "older modification" not in said
    assert "rule   index" not in said and "same command again" in said


def test_a_run_that_failed_before_any_job_points_to_the_log(tmp_path):
    assert "see " + str(tmp_path / "none.log") in last_screen(tmp_path, [tmp_path / "none.log"])
