"""Write envs/neuroquant.yaml from requirements.lock: `python envs/from_lock.py`. A test holds the two together.

Snakemake copies the file of an environment elsewhere before conda reads it, so it can't point to the lock.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = """\
# The project's environment for `snakemake --sdm conda`. Written from requirements.lock by `python envs/from_lock.py`.
name: neuroquant
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment(lock: str) -> str:
    """The YAML of the environment that has exactly the packages of a lock."""
    pins = [line.strip() for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    return HEAD + "".join(f"      - {pin}\n" for pin in pins)


if __name__ == "__main__":
    lock = (FOLDER.parent / "requirements.lock").read_text(encoding="utf-8")
    (FOLDER / "neuroquant.yaml").write_text(environment(lock), encoding="utf-8")
