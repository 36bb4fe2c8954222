"""Write Dockerfile, envs/neuroquant.def and envs/files.txt: `python envs/containers.py`. A test holds them together.

What happens inside of an image stands in envs/recipe.sh, and what is copied into it here.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = "debian:bookworm-slim"
PLACE = "/opt/neuroquant"
FILES = (
    "LICENSE", "README.md", "Snakefile", "config", "demo", "envs/neuroquant.yaml", "envs/recipe.sh", "neuroquant",
    "profiles", "pyproject.toml", "requirements.lock", "rules", "slurm", "torch.lock", "workflow", "workflow_scripts",
)  # fmt: skip
"""What an image holds of this folder: the package, the workflow, its settings and the locks."""
VARIABLES = {"LC_ALL": "C.UTF-8", "PATH": f"{PLACE}/venv/bin:/usr/local/bin:/usr/bin:/bin"}
LABELS = {"org.opencontainers.image.title": "NeuroQuant", "org.opencontainers.image.licenses": "Apache-2.0"}
STEPS = f"sh {PLACE}/envs/recipe.sh"
NOTE = "# Written by `python envs/containers.py`; the steps stand in envs/recipe.sh. Build it in the project's folder:"


def dockerfile() -> str:
    """The text of Dockerfile."""
    lines = [
        "# NeuroQuant in a container.",
        NOTE,
        "#   docker build --tag neuroquant .",
        f"FROM {BASE}",
        *(f'LABEL {name}="{value}"' for name, value in LABELS.items()),
        *(f"COPY {name} {PLACE}/{name}" for name in FILES),
        f"RUN {STEPS}",
        *(f"ENV {name}={value}" for name, value in VARIABLES.items()),
        'CMD ["neuroquant", "--help"]',
    ]
    return "\n".join(lines) + "\n"


def definition() -> str:
    """The text of envs/neuroquant.def."""
    lines = [
        "# NeuroQuant in a container, and the environment of `snakemake --sdm apptainer`.",
        NOTE,
        "#   apptainer build envs/neuroquant.sif envs/neuroquant.def",
        "Bootstrap: docker",
        f"From: {BASE}",
        "",
        "%files",
        *(f"    {name} {PLACE}/{name}" for name in FILES),
        "",
        "%post",
        f"    {STEPS}",
        "",
        "%environment",
        *(f"    export {name}={value}" for name, value in VARIABLES.items()),
        "",
        "%labels",
        *(f"    {name} {value}" for name, value in LABELS.items()),
        "",
        "%runscript",
        '    exec neuroquant "$@"',
    ]
    return "\n".join(lines) + "\n"


def files() -> str:
    """The text of envs/files.txt, which envs/chroot.sh reads."""
    return "\n".join(FILES) + "\n"


OUTPUTS = {"Dockerfile": dockerfile, "envs/neuroquant.def": definition, "envs/files.txt": files}

if __name__ == "__main__":
    for name, text in OUTPUTS.items():
        (ROOT / name).write_text(text(), encoding="utf-8")
