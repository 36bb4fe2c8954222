"""Gather all that a run on a bare GPU machine needs into one folder of at most 64 MiB: code, wheels, data.

    NEUROQUANT_TESTDATA=... python benchmarks/gpu/pack.py FOLDER [--python 3.12] [--maps 16] [--no-wheels]

The machine has a Python with PyTorch, numpy, scipy, pandas, h5py, safetensors, scikit-learn and pillow, and no network.
FOLDER receives `neuroquant/`, `benchmarks/`, `config/`, `wheels/` and `data/`; run_all.sh runs there.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("neuroquant", "benchmarks", "config")
WHEELS = (
    "nibabel", "pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions", "pyyaml",
    "tqdm", "packaging", "monai", "diffusers", "deepbet",
)  # fmt: skip
"""Packages that such a machine lacks; what they need besides is on it, or isn't used."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
PAIRS = ("sub-04", "sub-05")
LARGEST = 64 * 2**20


def pinned() -> list[str]:
    """The wheels with the versions of requirements.lock."""
    lock = dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    missing = [name for name in WHEELS if name not in lock]
    if missing:
        raise SystemExit(f"requirements.lock has no {', '.join(missing)}")
    return [f"{name}=={lock[name]}" for name in WHEELS]


def copy_code(folder: Path) -> None:
    """The files that git knows, changed or not."""
    listed = subprocess.run(["git", "ls-files", "-z", *CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def download_wheels(folder: Path, python: str) -> None:
    """Wheels for Linux on x86-64 and that Python."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    options = ["--no-deps", "--only-binary=:all:", "--python-version", python, *platforms, "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *options, *pinned()], check=True)


def copy_data(source: Path, folder: Path, maps: int) -> None:
    """Label maps, evenly from the first to the last, and two real pairs."""
    found = sorted((source / "label_maps").glob("*_dseg.nii.gz"))
    chosen = [found[round(index * (len(found) - 1) / max(maps - 1, 1))] for index in range(min(maps, len(found)))]
    scans = [source / f"bids_real/{who}/anat/{who}_{kind}.nii.gz" for who in PAIRS for kind in ("T1w", "T2w")]
    for path in [*chosen, *filter(Path.is_file, scans)]:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.12", help="of the GPU machine")
    parser.add_argument("--maps", type=int, default=16, help="label maps at most")
    parser.add_argument("--no-wheels", action="store_true", help="for a machine on which all is installed")
    arguments = parser.parse_args()
    if arguments.folder.exists() and any(arguments.folder.iterdir()):
        raise SystemExit(f"{arguments.folder} isn't empty: name a new folder")
    copy_code(arguments.folder)
    if not arguments.no_wheels:
        download_wheels(arguments.folder / "wheels", arguments.python)
    copy_data(Path(os.environ["NEUROQUANT_TESTDATA"]), arguments.folder / "data", arguments.maps)
    sizes = {path.name: sum(f.stat().st_size for f in path.rglob("*")) for path in arguments.folder.iterdir()}
    print(*(f"{name}\t{size / 2**20:.1f} MiB" for name, size in sorted(sizes.items())), sep="\n")
    if sum(sizes.values()) > LARGEST:
        raise SystemExit(f"{sum(sizes.values()) / 2**20:.0f} MiB, at most {LARGEST >> 20}: use fewer --maps")


if __name__ == "__main__":
    main()
