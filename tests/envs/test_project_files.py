"""What a project is expected to have: one version, a citation, a changelog, checks before commits and on a server."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import neuroquant

ROOT = Path(__file__).parents[2]
LINKS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "config/README.md", "docs/deploying.md")


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project and "version" in project["dynamic"]
    assert read("CITATION.cff")["version"] == neuroquant.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", neuroquant.__version__)


def test_the_changelog_has_the_sections_of_keep_a_changelog_and_knows_the_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert versions[0] == ("Unreleased", "") and all(date for _, date in versions[1:])
    kinds = set(re.findall(r"^### (\w+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"} and "Added" in kinds
    assert neuroquant.__version__ in text


def test_the_citation_names_the_software_and_the_paper():
    citation = read("CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["license"] == "Apache-2.0" and citation["authors"]
    (paper,) = citation["references"]
    entry = re.search(r"title = \{(.+?)\},", (ROOT / "README.md").read_text())[1]
    assert paper["title"] == entry.replace("{", "").replace("}", "")
    names = re.search(r"author = \{(.+?)\},", (ROOT / "README.md").read_text())[1]
    assert [f"{a['family-names']}, {a['given-names']}" for a in paper["authors"]] == names.split(" and ")
    assert paper["identifiers"][0]["value"] == "arXiv:2604.05171"


@pytest.mark.skipif(shutil.which("cffconvert") is None, reason="cffconvert isn't installed")
def test_the_citation_is_valid():
    subprocess.run(["cffconvert", "--validate", "--infile", str(ROOT / "CITATION.cff")], check=True)


def test_hooks_before_commits_are_the_linters_of_make():
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    entries = {hook["id"]: hook["entry"] for hook in local["hooks"]}
    lint = (ROOT / "Makefile").read_text()
    for tool in ("ruff check", "ruff format", "snakefmt"):
        assert any(entry.startswith(f".venv/bin/{tool}") for entry in entries.values()), tool
        assert f"$(BIN)/{tool}" in lint


def test_the_server_runs_what_developers_run_and_builds_the_wheel():
    jobs = read(".github/workflows/ci.yml")["jobs"]
    steps = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert "bash .ci/run" in steps["test"]
    assert "python -m build" in steps["wheel"] and any("neuroquant --version" in step for step in steps["wheel"])
    assert jobs["wheel"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert all(job["timeout-minutes"] for job in jobs.values())


def test_the_catalog_finds_what_it_looks_for():
    usage = read(".snakemake-workflow-catalog.yml")["usage"]
    assert usage["report"] is True and {"conda", "apptainer"} <= usage["software-stack-deployment"].keys()
    assert (ROOT / "workflow/Snakefile").is_file() and (ROOT / "config/README.md").is_file()
    words = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in words and "workflow" in words


def test_make_help_lists_every_command():
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[1] for line in shown.splitlines()] == targets
    assert all(len(line.split()) > 3 for line in shown.splitlines())


@pytest.mark.parametrize("page", LINKS)
def test_pages_link_to_files_that_are_there(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
