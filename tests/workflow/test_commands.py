"""Every command that the README, the docs and comments of YAML files show runs as it is written."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_args

from neuroquant import cli, models
from neuroquant.config.cohort import Cohort
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.model_folder import save_model
from neuroquant.synthetic.bids import write_cohort
from tests.training.helpers import PARAMETERS
from tests.workflow.made import FOLDERS, shipped, write_as
from tests.workflow.run import ROOT

PAGES = [ROOT / "README.md", ROOT / "results/README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = [*sorted((ROOT / "config").rglob("*.yaml")), *(ROOT / f"{name}/config.yaml" for name in ("demo", "slurm"))]
STARTS = "snakemake neuroquant make python pytest torchrun cp conda apptainer tensorboard".split()
TARGETS = set(re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE)) | {"fetch_weights"}
OWN_FOLDERS = ("BIDS_ROOT", "EXTERNAL_ROOT", "MODEL_FOLDER")
"""Environment variables of the examples, and the folders that the test gives them."""
ALONE = re.compile(r"neuroquant( \w+)?|snakemake|make|python|pytest")
"""The mere name of a program, or of one of our commands, in a sentence."""


def commands_of_page(text: str) -> list[str]:
    """Lines of shell blocks, and commands in the running text."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [part.strip() for line in lines for part in line.split("&&")] + inline(prose)


def inline(text: str) -> list[str]:
    """Commands between backticks."""
    found = (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text))
    return [code for code in found if code.split()[0] in STARTS and not ALONE.fullmatch(code)]


def commands_of_file(text: str) -> list[str]:
    """Commands in comments: indented lines of their own, and what stands between backticks."""
    comments = re.findall(r"(?:^|\s)#(.*)$", text, re.MULTILINE)
    own = [line.strip() for line in comments if re.match(rf" +({'|'.join(STARTS)}|export) ", line)]
    return own + inline("\n".join(comments))


def every_command() -> list[tuple[str, str]]:
    """(page or file, command), each once."""
    found = {(path, command): None for path in PAGES for command in commands_of_page(path.read_text())}
    found |= {(path, command): None for path in FILES for command in commands_of_file(path.read_text())}
    return [(str(path.relative_to(ROOT)), command) for path, command in found]


COMMANDS = every_command()
OF_SNAKEMAKE = [(where, command) for where, command in COMMANDS if command.startswith("snakemake ")]
DISTINCT = sorted({command for _, command in OF_SNAKEMAKE})


def test_commands_are_found():
    assert len(OF_SNAKEMAKE) >= 15 and len({where for where, _ in OF_SNAKEMAKE}) >= 8
    assert sum(command.startswith("neuroquant ") for _, command in COMMANDS) >= 10
    page = "a `snakemake\nx` b\n```sh\nmake demo && ls   # all\n```\n"
    assert commands_of_page(page) == ["make demo", "ls", "snakemake x"]
    assert commands_of_file("a: 1  # as `snakemake x` says\n#   neuroquant plan y\n# make this\n") == [
        "neuroquant plan y",
        "make this",
        "snakemake x",
    ]


@pytest.mark.parametrize("where, command", OF_SNAKEMAKE, ids=lambda text: text.replace("/", "|"))
def test_snakemake_takes_each_word_for_what_is_meant(where, command):
    """Options that take several words, such as --forcerun and --configfile, swallow a target that follows them."""
    words = shlex.split(command)[1:]
    _, parsed = parse_args(words)
    meant = [word for word in words if word in TARGETS or word.startswith("results/demo/subject_pages/")]
    assert meant == list(parsed.targets), f"{where}: {command}"
    assert parsed.forcerun is not None or "--forcerun" not in words
    runs = not (parsed.dryrun or parsed.unlock or parsed.report)
    assert not runs or parsed.cores or parsed.profile, f"{where}: {command}: --cores is missing"


@pytest.mark.parametrize("where, command", [each for each in COMMANDS if each[1].startswith("neuroquant ")], ids=str)
def test_arguments_of_our_own_commands_are_known(where, command, monkeypatch):
    for name in cli.COMMANDS:
        monkeypatch.setattr(f"neuroquant.commands.{name}.run", lambda arguments: 0)
    assert cli.main(shlex.split(command.split(" > ")[0])[1:]) == 0, where


def test_files_of_this_project_that_commands_name_are_there():
    for where, command in COMMANDS:
        for word in re.findall(r"(?<![\w/.])(?:config|envs|tests|benchmarks|slurm|demo)/[\w/.-]+", command):
            made = word == "envs/neuroquant.sif"
            assert made or (ROOT / word).exists(), f"{where}: {command}"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the project with a user's `mine.yaml`, scans of every cohort, and SLURM's commands as scripts."""
    folder = tmp_path_factory.mktemp("clone")
    for name in (
        "Snakefile",
        "Makefile",
        "torch.lock",
        "requirements.lock",
        "pyproject.toml",
        "rules",
        "workflow_scripts",
        "neuroquant",
        "config",
        "demo",
        "slurm",
        "profiles",
        "envs",
    ):
        copy = shutil.copy if (ROOT / name).is_file() else shutil.copytree
        copy(ROOT / name, folder / name, **({"symlinks": True} if copy is shutil.copytree else {}))
    for name in ("NCANDA", "ABCD"):
        write_as(name.lower(), shipped()[name.lower()], folder, times=6)  # enough for any split
    recipe = {"subjects": 24, "visits_max": 1, "voxel_mm": 7.0}
    write_cohort(Cohort(name="study", synthetic=recipe), folder / "BIDS_ROOT")
    write_cohort(Cohort(name="elsewhere", synthetic=recipe | {"seed": 1}), folder / "EXTERNAL_ROOT")
    entry = ModelEntry(name="theirs", architecture="neuroquant", parameters=PARAMETERS)
    save_model(folder / "MODEL_FOLDER", models.build("neuroquant", PARAMETERS), entry, Volume(), {})
    mine = yaml.safe_load((ROOT / "config/examples/one_gpu.yaml").read_text()) | {"experiment": "mine"}
    for name in ("mine.yaml", "YOUR.yaml"):
        (folder / name).write_text(yaml.safe_dump(mine))
    paper = folder / "config/config.yaml"  # SynthSeg's weights can't be shipped
    text = re.sub(r'engine: "?torch"?', "engine: none", paper.read_text())
    text, changed = re.subn(r"(\nsplit:\n(?:[ #].*\n)*?  seed: )\d+", r"\g<1>1", text)  # with which so few can be split
    assert changed
    paper.write_text(text)
    with open(folder / "config/examples/fast_schedule.yaml", "a") as fast:
        fast.write("split: {seed: 1}\n")  # likewise
    ours = "import sys; from neuroquant.cli import main; sys.exit(main())"
    answers = {
        "sinfo": "test*|up|infinite|16|640000|gpu:h100:2|9",
        "sacctmgr": "study",
        "sbatch": "",
        "sacct": "",
        "squeue": "",
    }
    (folder / "bin").mkdir()
    answers["neuroquant"] = f'exec "{sys.executable}" -c "{ours}" "$@"'
    for name, answer in answers.items():
        script = answer if name == "neuroquant" else f"echo '{answer}'"
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


def run_in(clone: Path, command: str) -> subprocess.CompletedProcess:
    """Run a command as it is written, by a shell, in the copy of the project."""
    variables = {name: str(clone / name) for name in (*OWN_FOLDERS, *FOLDERS.values())}
    variables |= {"NEUROQUANT_TESTDATA": str(clone), "NEUROQUANT_LABELS": str(clone / "labels")}
    variables["PATH"] = f"{clone / 'bin'}:{os.environ['PATH']}"
    if not (clone / "bids_real").exists():
        (clone / "bids_real").symlink_to("BIDS_ROOT")
    return subprocess.run(
        command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=clone,
        env={**os.environ, **variables, "PYTHONPATH": str(clone)}, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("command", DISTINCT, ids=lambda text: text.replace("/", "|"))
def test_every_snakemake_command_can_be_dry_run(command, clone):
    if "--report" in command:
        pytest.skip("a report is of a run that has ended")
    dry = "" if "--unlock" in command else " --dry-run"
    done = run_in(clone, command.replace("snakemake", f'"{sys.executable}" -m snakemake', 1) + dry)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_validate_plan_and_make_run_as_written(clone):
    own = {command for _, command in COMMANDS if re.match(r"neuroquant (validate|plan) ", command)}
    made = {command.replace("make", "make -n", 1) for _, command in COMMANDS if re.match(r"make \S+$", command)}
    assert len(own) >= 5 and len(made) >= 3
    for command in sorted(own | made):
        done = run_in(clone, command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}"


@pytest.mark.slow
def test_commands_that_use_a_model_run_as_written(clone, finished):
    """On a finished run that lies where the pages say."""
    for name in ("demo", "mine"):
        shutil.copytree(finished / "results/tiny", clone / "results" / name, dirs_exist_ok=True)
    for folder in ("volumes", "reconstructions/neuroquant"):
        (clone / "results/mine" / folder / "mystudy").symlink_to("synthetic")
    scans = sorted((clone / "results/demo/cohorts/synthetic/bids").rglob("anat/*_T1w.nii.gz"))
    for number, scan in enumerate(scans[:2]):
        for kind in ("T1w", "T2w"):
            other = scan.with_name(scan.name.replace("T1w", kind))
            shutil.copy(other, clone / f"sub-{number + 1:02d}_{kind}.nii.gz")
    with_model = re.compile(r"neuroquant (encode|decode|translate|restore|export) ")
    using = [command for _, command in COMMANDS if with_model.match(command)]
    assert len(using) >= 4
    for command in sorted(using, key=lambda text: "encode" not in text):
        done = run_in(clone, command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}"
