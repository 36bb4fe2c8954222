"""How long `import neuroquant` and the help of the command take, as multiples of a Python that does nothing.

    python benchmarks/import_time.py

Fastest of several starts each, in turn, so that other work on the machine counts for neither.
"""

import subprocess
import sys
import time

STARTS = 15
CALLS = {
    "nothing": ["-c", "pass"],
    "import neuroquant": ["-c", "import neuroquant"],
    "neuroquant --help": ["-m", "neuroquant.cli", "--help"],
    "import torch": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    fastest = dict.fromkeys(CALLS, float("inf"))
    for _ in range(STARTS):
        for name, arguments in CALLS.items():
            fastest[name] = min(fastest[name], seconds(arguments))
    for name, best in fastest.items():
        print(f"{name}\t{best:.3f} s\t{best / fastest['nothing']:.1f} x")


if __name__ == "__main__":
    main()
