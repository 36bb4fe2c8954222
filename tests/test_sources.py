"""Which of the package's files a job's result depends on: the hash by which jobs rerun."""

from pathlib import Path

import pytest

from neuroquant import sources
from neuroquant.models import architectures
from neuroquant.sources import PACKAGE, code_hash, used_files

SCRIPTS = sorted((PACKAGE.parent / "workflow_scripts").glob("*.py"))
REPORT = (
    "account breakdown claims draw_robustness figure3 figure4 front_page gather montage probe_details qc rate report "
    "table training_curves"
)


def names(*starts: Path) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in used_files(*starts)}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_only_what_people_read_depends_on_the_code_that_writes_it(script):
    assert any(name.startswith("report/") for name in names(script)) <= (script.stem in REPORT.split())


def test_training_depends_on_its_loop_and_on_one_architecture_alone():
    used = names(PACKAGE.parent / "workflow_scripts/train.py", PACKAGE / "models/baselines/vqgan/network.py")
    assert {"training/loop.py", "store/arrays.py", "models/baselines/vqgan/network.py"} <= used
    assert not {name for name in used if name.startswith(("evaluation/", "report/", "cohorts/"))}
    assert not {name for name in used if name.startswith("models/neuroquant/")}
    assert "models/baselines/medvae/network.py" not in used


def test_imports_within_functions_and_files_of_data_count():
    assert "volumes/align.py" in names(PACKAGE / "volumes/preprocess.py")
    assert "statistics/claims/claims.yaml" in names(PACKAGE.parent / "workflow_scripts/claims.py")


@pytest.mark.parametrize("architecture", architectures())
def test_an_architecture_depends_on_no_other_stage(architecture):
    path = PACKAGE.joinpath("models", *architecture.split("."))
    used = names(path if path.is_dir() else path.with_suffix(".py"))
    assert used and not {name for name in used if name.split("/")[0] in ("training", "evaluation", "report")}


def test_the_hash_changes_with_a_file_that_is_used_and_with_no_other(tmp_path, monkeypatch):
    package = tmp_path / "neuroquant"
    (package / "stage").mkdir(parents=True)
    for name in ("__init__.py", "stage/__init__.py"):
        (package / name).touch()
    (package / "stage/a.py").write_text("from neuroquant.stage import (\n    b,\n)\n")
    (package / "stage/b.py").write_text("x = 1\n")
    (package / "stage/c.py").write_text("y = 1\n")
    monkeypatch.setattr(sources, "PACKAGE", package)

    def now() -> str:
        for cached in (code_hash, sources._content, sources._used_by, sources._files_of, sources._data_beside):
            cached.cache_clear()
        return code_hash(package / "stage/a.py")

    first = now()
    (package / "stage/c.py").write_text("y = 2\n")
    (package / "__init__.py").write_text('__version__ = "2"\n')
    assert now() == first
    (package / "stage/b.py").write_text("x = 2\n")
    assert now() != first
