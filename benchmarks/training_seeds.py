"""How often intervals over subjects and training seeds cover the mean, in simulated data sets.

    python benchmarks/training_seeds.py

Scores are the sum of a subject's, a seed's and a remainder's normal deviate. Subjects have a standard deviation of 1.
That of the seeds is stated as a multiple of the standard error of the subjects' mean, for the mean of all seeds.
"""

import argparse
from itertools import product

import numpy as np

from neuroquant.statistics.trainings import Source, critical

SUBJECTS, SPREADS, REMAINDERS = (20, 200), (0.0, 0.3, 1.0, 3.0, 10.0), (0.1, 0.5)


def coverage(subjects: int, seeds: int, spread: float, remainder: float, repeats: int) -> float:
    """Share of the intervals that hold the mean, 0; parameters as for `main`."""
    cell = [seeds, subjects, round(100 * spread), round(100 * remainder)]
    generator, inside = np.random.default_rng(cell), 0
    of_seeds = spread * (seeds / subjects) ** 0.5
    for _ in range(repeats):
        values = generator.normal(size=(subjects, 1)) + generator.normal(scale=of_seeds, size=(1, seeds))
        values = values + generator.normal(scale=remainder, size=(subjects, seeds))
        sources = [Source.of(values.mean(1)), Source.of(values.mean(0))]
        error = sum(source.variance for source in sources) ** 0.5
        inside += abs(values.mean()) <= error * critical(sources, 0.05)
    return inside / repeats


def main() -> None:
    """Print a line per number of seeds and subjects, spread of the seeds and size of the remainder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10_000, help="simulated data sets of each kind")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5], help="numbers of training seeds")
    repeats, numbers = (getattr(parser.parse_args(), name) for name in ("repeats", "seeds"))
    print("| seeds | subjects | remainder | " + " | ".join(f"seeds' spread {spread:g}" for spread in SPREADS) + " |")
    print("|---" * (3 + len(SPREADS)) + "|")
    for seeds, subjects, remainder in product(numbers, SUBJECTS, REMAINDERS):
        covered = [coverage(subjects, seeds, spread, remainder, repeats) for spread in SPREADS]
        print(f"| {seeds} | {subjects} | {remainder} | " + " | ".join(f"{100 * each:.1f}" for each in covered) + " |")


if __name__ == "__main__":
    main()
