"""`neuroquant bench MODEL`: a quick benchmark of one model for whoever builds it."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "bench",
        help="train one model briefly on synthetic brains, and compare it with others",
        description="Generates a small synthetic cohort, trains the model briefly, and compares it on test subjects "
        "with the mean image, principal components and NeuroQuant. Prints a table and writes a picture. Unchanged "
        "results of an earlier benchmark are reused. Meant for two cores. No data is needed.",
    )
    parser.add_argument("model", help="name of a shipped model (vqgan, ...), or the YAML file of your model")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="folder that receives everything")
    parser.add_argument("--steps", type=int, default=300, help="largest number of training steps; 300 by default")


def run(arguments: argparse.Namespace) -> int:
    """Run it, print the table and say where the picture is."""
    from neuroquant.bench import setup, show
    from neuroquant.bench.run import Bench
    from neuroquant.bench.run import run as run_bench
    from neuroquant.errors import InputError

    if arguments.steps < 1:
        raise InputError("--steps", str(arguments.steps), "a number above 0", "correct it")
    experiment, name = setup.experiment_of(arguments.model, setup.Size(steps=arguments.steps))
    bench = Bench(experiment, arguments.out)
    computed = run_bench(bench, lambda line: print(line, file=sys.stderr, flush=True))
    print(show.table(bench, computed))
    for sentence in show.sentences(bench, computed, name):
        print(sentence)
    path = arguments.out / f"{name}.png"
    show.picture(bench, computed, path)
    print(path)
    return 0
