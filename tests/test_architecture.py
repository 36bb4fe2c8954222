"""Who may use whom: docs/architecture.md, held by reading the imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neuroquant"
BASE = {"errors", "files", "job", "extras"}
MAY_USE = {
    "tables": set(),
    "shipped": {"errors"},
    "extras": {"errors"},
    "error_scale": set(),
    "entropy": {"extras"},
    "datasets": {"errors"},
    "scans": set(),
    "store": {"errors", "files"},
    "config": BASE | {"models", "shipped", "model_config"},
    "models": {"errors", "extras", "config", "convolution", "entropy", "similarity"},
    "perceptual": {"errors", "weights"},
    "synthetic": BASE | {"config"},
    "cohorts": BASE | {"config", "datasets", "scans", "tables"},
    "volumes": BASE | {"config", "scans", "store", "tables"},
    "segmentation": BASE | {"config", "scans", "store", "device", "convolution"},
    "weights": BASE | {"config", "models", "model_config", "model_facts", "model_folder"},
    "training": BASE
    | {"config", "store", "models", "similarity", "model_folder", "weights", "device"}
    | {"sources", "perceptual"},
    "evaluation": BASE
    | {"config", "store", "models", "segmentation", "similarity", "model_folder", "model_facts", "device", "tables"}
    | {"statistics", "perceptual", "entropy"},
    "statistics": BASE | {"config", "store", "tables"},
    "report": BASE | {"config", "error_scale", "store", "statistics", "tables"},
    "cluster": BASE | {"config", "cohorts", "models", "tables", "shipped"},
    "tokenizer": BASE
    | {"config", "scans", "store", "volumes", "segmentation", "models", "model_folder", "model_facts", "model_card"}
    | {"device", "model_config", "shipped"},
    "model_config": {"errors", "config", "models", "__version__"},
    "model_card": BASE | {"config", "model_config", "statistics", "tables"},
    "bench": BASE
    | {"config", "shipped", "synthetic", "cohorts", "volumes", "training", "evaluation", "statistics", "report"}
    | {"models", "model_config", "sources", "store"},
    "commands": BASE
    | {"config", "synthetic", "cohorts", "cluster", "volumes", "tokenizer", "shipped", "bench"}
    | {"derivatives", "bids_app", "datasets"},
    "cli": {"errors", "__version__"},
    "stages": set(),
    "subject_page": BASE | {"error_scale", "store", "statistics", "tables"},
    "derivatives": BASE
    | {"config", "scans", "store", "segmentation", "volumes", "models", "evaluation", "model_folder", "model_facts"}
    | {"tokenizer", "tables", "device", "datasets", "__version__"},
    "bids_app": BASE
    | {"config", "cohorts", "scans", "store", "volumes", "models", "similarity", "model_folder", "model_facts"}
    | {"device", "tokenizer", "derivatives", "statistics", "report", "subject_page", "tables", "__version__"}
    | {"model_config", "datasets", "shipped"},
}
INTERFACE = {"neuroquant.models.autoencoder", "neuroquant.models.latents"}
"""What evaluation knows of models."""
HEAVY = {"torch", "monai", "diffusers", "snakemake"}


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Dotted names that a module imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules(room: str) -> list[Path]:
    """Modules of a room; a leaf is a single file."""
    file = PACKAGE / f"{room}.py"
    return [file] if file.exists() else sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(MAY_USE))
def test_a_room_uses_only_the_rooms_it_may(room):
    for path in modules(room):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("neuroquant.")}
        assert used <= MAY_USE[room] | {room}, f"{path} uses {used - MAY_USE[room] - {room}}"


def test_evaluation_knows_the_interface_only_never_a_concrete_model():
    for path in modules("evaluation"):
        for name in imports(path):
            if name.startswith("neuroquant.models"):
                assert name.rpartition(".")[0] in INTERFACE, f"{path} imports {name}"


OWN_LATENTS = {"z", "z_anat", "z_q", "z_mod", "indices", "packed"}
"""Names of the shipped models' latents; tests/models/test_latent_shapes.py checks that these are all."""


@pytest.mark.parametrize("room", ["evaluation", "training", "tokenizer", "model_folder", "model_facts"])
def test_no_module_outside_of_a_models_own_package_reads_its_latents_by_name(room):
    for path in modules(room):
        tree = ast.parse(path.read_text())
        inside = {id(part) for node in ast.walk(tree) for part in ast.walk(node) if isinstance(node, ast.JoinedStr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in inside:
                assert node.value not in OWN_LATENTS, f"{path}, line {node.lineno}: {node.value!r}"
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                assert node.attr not in OWN_LATENTS, f"{path}, line {node.lineno}: .{node.attr}"


@pytest.mark.parametrize("room", ["models", "training", "evaluation", "tokenizer", "model_folder", "weights"])
def test_no_modality_is_named_where_models_train_and_are_judged(room):
    for path in modules(room):
        found = re.findall(r"\b(?:T1w|T2w|FLAIR|t1w|t2w|flair)\b", path.read_text())
        assert not found, f"{path} names {found[0]}"


def test_nobody_asks_an_architecture_what_it_has():
    """Its spec says so; `hasattr` of a module would take a misspelt part for a missing one."""
    for path in modules("models"):
        assert "hasattr(" not in path.read_text(), path


def test_evaluation_uses_intervals_alone_of_statistics():
    for path in modules("evaluation"):
        for name in imports(path):
            if name.startswith("neuroquant.statistics"):
                assert name.startswith("neuroquant.statistics.intervals"), f"{path} imports {name}"


@pytest.mark.parametrize("room", ["statistics", "report", "subject_page"])
def test_what_is_computed_of_numbers_and_drawn_never_import_torch(room):
    for path in modules(room):
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_the_package_knows_nothing_of_snakemake():
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.split(".")[0] == "snakemake" for name in imports(path)), path


def test_planning_imports_no_network_library():
    code = (
        "import sys; import neuroquant.config.load, neuroquant.cohorts.inventory, neuroquant.sources;"
        "import neuroquant.cluster.asks;"
        "import neuroquant.segmentation.installed;"
        "from neuroquant import models; [models.parameters_class(name) for name in models.architectures()];"
        "print(sorted({'torch', 'monai', 'diffusers', 'nilearn', 'pandas', 'nibabel', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_stand_in_segments_without_pytorch():
    code = (
        "import sys; import neuroquant.evaluation.anatomy.segment, neuroquant.segmentation.engine;"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("path", sorted((PACKAGE.parent / "workflow_scripts").glob("*.py")), ids=lambda path: path.stem)
def test_a_workflow_script_has_no_logic_of_its_own(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert not any(
        isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.ClassDef) for node in ast.walk(ast.parse(text))
    )


COMPUTING = {"mean", "std", "var", "median", "quantile", "percentile", "corr", "cluster_bootstrap", "boxplot"}
"""Calls that compute a number from scores."""
PICTURES = {"montage"}
"""Modules of the report that compute on the voxels of images, to draw their edges."""


@pytest.mark.parametrize("path", sorted((PACKAGE / "report").rglob("*.py")), ids=lambda path: path.stem)
def test_the_report_draws_and_never_computes_a_number(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    assert not names & COMPUTING or path.stem in PICTURES, f"{path} calls {names & COMPUTING}: statistics computes that"
    imported = {name for name in imports(path) if name.split(".")[0] in ("scipy", "sklearn", "statsmodels")}
    assert not imported or path.stem in PICTURES, f"{path} imports {imported}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "report").rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_of_the_report_names_a_modality(path):
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and re.search(r"\b(T[12]w?|FLAIR)\b", text)], path
