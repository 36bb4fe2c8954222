"""Write envs/neuroquant.yaml from torch.lock and requirements.lock: `python envs/from_lock.py`.

A test holds them together. Snakemake copies the file of an environment elsewhere before conda reads it, and so it can't
point to the locks. Hashes stay behind: with one of them, pip asks for a hash of torch too.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = """\
# The project's environment for `snakemake --sdm conda`. Written from the locks by `python envs/from_lock.py`.
name: neuroquant
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """What a lock pins, e.g. `numpy==2.4.6` or `h11==0.16.0 ; sys_platform != 'emscripten'`, without hashes."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if line and line[0] not in " #"]


def environment(*locks: str) -> str:
    """The YAML of the environment that has exactly the packages of these locks."""
    return HEAD + "".join(f"      - {pin}\n" for lock in locks for pin in pins(lock))


if __name__ == "__main__":
    locks = [(ROOT / name).read_text(encoding="utf-8") for name in ("torch.lock", "requirements.lock")]
    (ROOT / "envs/neuroquant.yaml").write_text(environment(*locks), encoding="utf-8")
