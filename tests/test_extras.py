"""What an extra of the installation brings: named with its install line wherever it is missing."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from neuroquant.errors import InputError
from neuroquant.extras import PACKAGES, NotInstalled, missing, optional, require, require_imported
from neuroquant.models import architectures
from neuroquant.sources import PACKAGE, used_files
from tests.volumes.heads import Shard, ball

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = {"yaml": "pyyaml", "pydantic_core": "pydantic", "httpx2": "huggingface-hub"}
"""Modules of the core that go by another name than their package, or that come with one."""
USES = {
    "ants": "import neuroquant.volumes.align as a; a.rigid(None, None)",
    "deepbet": "from neuroquant.segmentation.deepbet import network_files; network_files()",
    "diffusers": "from neuroquant import models; models.build('baselines.sd_vae', {})",
    "monai": "from neuroquant import models; models.build('baselines.monai_kl', {})",
    "constriction": "import neuroquant.entropy",
    "PIL": "import neuroquant.report.figures.montage",
    "contourpy": "import neuroquant.subject_page.encode",
    "matplotlib": "import neuroquant.report.figures.style",
    "nilearn": "from neuroquant.synthetic.template import icbm; icbm()",
    "sklearn": "import neuroquant.statistics.probes",
    "snakemake": "from neuroquant.cluster.asks import planned; planned('x.yaml', None)",
    "torchio": "import neuroquant.evaluation.robustness.faults",
    "tensorboard": "import neuroquant.training.watch",
}
"""Module -> a use of it that a user can come to."""


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def optional_lines(tree: ast.AST) -> set[int]:
    """Lines within `with optional():`."""
    blocks = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.With) and ast.unparse(node.items[0].context_expr) == "optional()"
    ]  # fmt: skip
    return {line for block in blocks for line in range(block.lineno, (block.end_lineno or block.lineno) + 1)}


def imported(path: Path) -> list[tuple[str, int, bool]]:
    """(module, line, whether within `with optional():`) of everything that isn't Python's or ours."""
    tree, found = ast.parse(path.read_text()), []
    inside = optional_lines(tree)
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            name = "tensorboard" if name == "torch.utils.tensorboard" else name.partition(".")[0]
            if name not in sys.stdlib_module_names and name != "neuroquant":
                found.append((name, node.lineno, node.lineno in inside))
    return found


def test_every_package_that_may_be_missing_is_imported_where_its_absence_is_explained():
    core = names_of(PROJECT["dependencies"])
    for path in sorted((ROOT / "neuroquant").rglob("*.py")):
        for name, line, explained in imported(path):
            if canonicalize_name(NAMED.get(name, name)) not in core:
                assert name in PACKAGES and explained, f"{path}, line {line}: {name} isn't a dependency of the core"


@pytest.mark.parametrize("module", sorted(PACKAGES))
def test_the_extra_that_is_named_brings_the_package(module):
    package, extra = PACKAGES[module]
    assert canonicalize_name(package) in names_of(PROJECT["optional-dependencies"][extra])
    assert canonicalize_name(package) not in names_of(PROJECT["dependencies"])
    assert Requirement(f"neuroquant[{extra}]").extras <= Requirement(PROJECT["optional-dependencies"]["all"][0]).extras


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(PACKAGES))
def test_a_user_without_the_package_reads_the_line_that_installs_it(module):
    hide = f"""
import importlib.metadata as metadata, sys
sys.modules[{module!r}] = None
def files(name, files=metadata.files):
    if name == {module!r}:
        raise metadata.PackageNotFoundError(name)
    return files(name)
metadata.files = files
from neuroquant.errors import InputError
try:
    {USES[module]}
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=True)
    package, extra = PACKAGES[module]
    assert done.stdout.startswith(f"{package}\n  found:    not installed"), done.stdout
    assert f'to do:    pip install "neuroquant[{extra}]"' in done.stdout


def test_another_failure_of_an_import_stays_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="nonsense_of_ours"), optional():
        import nonsense_of_ours  # noqa: F401


def test_a_package_that_is_only_looked_for_is_explained_too(monkeypatch):
    monkeypatch.setattr("neuroquant.extras.find_spec", lambda name: None)
    with pytest.raises(InputError, match=re.escape('pip install "neuroquant[workflow]"')):
        require("nilearn")


@pytest.mark.parametrize("architecture", architectures())
def test_what_a_model_is_made_of_is_known_before_it_is_built(architecture, monkeypatch):
    """So that a run fails before its first job, not after hours at that model."""
    monkeypatch.setattr("neuroquant.extras.find_spec", lambda name: None)
    path = PACKAGE.joinpath("models", *architecture.split("."))
    files = used_files(path if path.is_dir() else path.with_suffix(".py"))
    needs = {"baselines.sd_vae": "baselines", "baselines.monai_kl": "baselines"}
    needs |= {"baselines.jpeg2000": "workflow", "baselines.dct": "workflow"}
    if architecture in needs:
        with pytest.raises(InputError, match=re.escape(f"neuroquant[{needs[architecture]}]")):
            require_imported(files)
    else:
        require_imported(files)


def test_a_missing_package_is_no_scans_fault(tmp_path):
    """Every raw head would be excluded, one by one, and the run would go on with nobody."""

    def find(voxels, affine):
        raise missing("deepbet")

    head = np.random.default_rng(0).uniform(100, 900, ball().shape).astype(np.float32)
    shard = Shard(tmp_path)
    shard.add("a", T1w=head, T2w=head[::-1].copy())
    with pytest.raises(NotInstalled, match=re.escape("neuroquant[preprocess]")):
        shard.run(brain_mask=("deepbet",), finders={"deepbet": find})
