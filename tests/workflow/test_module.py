"""Another Snakefile imports the workflow: from a path, from a repository, with rules of its own beside ours."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflow.importer import importer, snakemake_in
from tests.workflow.run import ROOT, finished_jobs, job_counts, snakemake

pytestmark = pytest.mark.slow

REMOTE = "https://github.com/somebody/neuroquant"
AT_TAG = 'github("somebody/neuroquant", path="{path}", tag="v9.9")'


def files_below(folder: Path) -> set[str]:
    """Files that aren't Snakemake's own."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] != ".snakemake"}


def test_an_importer_plans_the_same_jobs_and_its_own(tmp_path):
    folder = importer(tmp_path / "study")
    before = files_below(folder)
    done = snakemake_in(folder, "all", "mine", "--dry-run")
    assert done.returncode == 0, done.stdout[-3000:]
    direct = job_counts(snakemake(tmp_path / "direct", "all", "--dry-run").stdout)
    assert job_counts(done.stdout) == {**direct, "mine": 1}
    assert files_below(folder) == before, "a dry run writes nothing"


def test_rules_can_have_other_names_and_the_importer_keeps_its_default_target(tmp_path):
    folder = importer(tmp_path, use="* as brains_*")
    done = snakemake_in(folder, "--dry-run", "brains_table1")
    assert done.returncode == 0, done.stdout[-3000:]
    assert {"brains_train", "brains_reconstruct", "brains_table1"} <= job_counts(done.stdout).keys()


def test_one_rule_can_be_changed_after_all_were_used(tmp_path):
    after = "use rule index from brains with:\n    priority: 7\n    message: 'the importer indexes'"
    done = snakemake_in(importer(tmp_path, after=after), "--dry-run", "all")
    assert done.returncode == 0 and "the importer indexes" in done.stdout, done.stdout[-3000:]
    assert job_counts(done.stdout)["train"] == 3


def test_a_log_elsewhere_beside_which_no_failure_would_be_recorded_is_refused(tmp_path):
    after = "use rule cells from brains with:\n    log: 'own.log'"
    done = snakemake_in(importer(tmp_path, after=after), "--dry-run", "all")
    assert done.returncode and "`log` of rule cells" in done.stdout and "to do:" in done.stdout, done.stdout[-2000:]


def test_an_importer_without_settings_is_told_what_to_write(tmp_path):
    for name, settings in (("none", ""), ("empty", "    config: {}")):
        done = snakemake_in(importer(tmp_path / name, settings=settings), "--dry-run", "all")
        assert done.returncode, name
        assert "module: config" in done.stdout and "`config: config`" in done.stdout, done.stdout[-2000:]
        assert f"cp {ROOT}/config/examples/bids.yaml" in done.stdout


def test_a_prefix_which_settings_of_jobs_would_miss_is_refused(tmp_path):
    folder = importer(tmp_path, settings='    config: config\n    prefix: "elsewhere"')
    done = snakemake_in(folder, "--dry-run", "all")
    assert done.returncode and "remove `prefix`" in done.stdout, done.stdout[-2000:]


def test_a_misspelt_key_of_the_importer_is_named_with_its_file(tmp_path):
    folder = importer(tmp_path)
    with open(folder / "config/config.yaml", "a") as file:
        file.write("probes: {}\n")
    done = snakemake_in(folder, "--dry-run", "all")
    assert done.returncode and "did you mean `probe`" in done.stdout and "config/config.yaml" in done.stdout


def test_the_last_screen_tells_of_an_importers_failure_too(tmp_path):
    own = "onerror:\n    print('the importer was told')"
    done = snakemake_in(importer(tmp_path, more=own), "broken")
    assert done.returncode and "What failed" in done.stdout and "rule   broken" in done.stdout, done.stdout[-2000:]
    assert "the importer was told" in done.stdout
    assert (tmp_path / "results/tiny/config.yaml").is_file(), "a run writes its configuration first"


def test_the_catalogs_snakefile_is_the_same_workflow_with_the_same_default(tmp_path):
    folder = importer(tmp_path / "study", snakefile=f'"{ROOT}/workflow/Snakefile"')
    counts = job_counts(snakemake_in(folder, "--dry-run").stdout)
    assert counts["all"] == counts["report"] == 1 and counts["train"] == 3


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    """Variables with which git finds a repository of the present files, tagged v9.9, under an address of GitHub's."""
    folder = tmp_path_factory.mktemp("github")
    work, bare = folder / "work", folder / "bare"
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("the tests don't lie in a git repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, work / name, follow_symlinks=False)
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"], ["tag", "v9.9"]):
        subprocess.run(["git", "-C", str(work), *words], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{bare}.insteadOf",
        "GIT_CONFIG_VALUE_0": REMOTE,
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    commit = subprocess.run(["git", "-C", str(bare), "rev-parse", "v9.9"], capture_output=True, text=True, check=True)
    return variables, commit.stdout.strip()


def use_github(monkeypatch, github) -> str:
    """Set the variables; returns the commit of the tag."""
    variables, commit = github
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return commit


def test_a_tag_on_github_is_cloned_once_and_runs_from_there(tmp_path, monkeypatch, github):
    commit = use_github(monkeypatch, github)
    folder = importer(tmp_path, snakefile=AT_TAG.format(path="Snakefile"))
    done = snakemake_in(folder, "fetch_weights")
    assert done.returncode == 0 and finished_jobs(done.stdout) == {"fetch_weights": 1}, done.stdout[-3000:]
    (clone,) = (tmp_path / ".snakemake/neuroquant").iterdir()
    assert clone.name == commit and (clone / "neuroquant/__init__.py").is_file()
    assert (tmp_path / "results/tiny/logs/fetched").is_file()
    assert "stage models            1/1 jobs, done in " in done.stdout, (
        "a stage is known by the rules' file, in a clone too"
    )


@pytest.mark.skipif(shutil.which("snakedeploy") is None, reason="snakedeploy isn't installed")
def test_snakedeploy_lays_the_workflow_out(tmp_path, monkeypatch, github):
    use_github(monkeypatch, github)
    command = ["snakedeploy", "deploy-workflow", REMOTE, str(tmp_path / "study"), "--tag", "v9.9"]
    subprocess.run(command, check=True)
    shutil.copy(ROOT / "tests/workflow/tiny.yaml", tmp_path / "study/config/config.yaml")
    done = snakemake_in(tmp_path / "study", "--dry-run")
    assert done.returncode == 0 and job_counts(done.stdout)["report"] == 1, done.stdout[-3000:]


def test_an_importer_gets_tables_report_and_crate_of_its_own(imported):
    folder, results = imported, imported / "results/tiny"
    rows = (results / "tables/table1.csv").read_text().splitlines()
    assert (folder / "lines.txt").read_text().strip() == str(len(rows)) != "0"
    assert "Study" in (results / "tables/table1.md").read_text()
    assert (results / "report.html").stat().st_size > 100_000
    crate = json.loads((results / "ro-crate-metadata.json").read_text())
    assert {"workflow/Snakefile", "report.html"} <= {entity["@id"] for entity in crate["@graph"]}
    again = snakemake_in(folder, "all", "mine", "--dry-run")
    assert not job_counts(again.stdout), again.stdout[-3000:]
