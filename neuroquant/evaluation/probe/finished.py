"""Networks of a job that takes long, kept until it is done: one that was killed goes on with the next network."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe.samples import Sample
from neuroquant.files import written_whole
from neuroquant.store.digest import differences, digest, shard_digest

AFTER = 300.0
"""Seconds of a job before anything is kept: to write a network of hundreds of megabytes costs more than it saves in a
job that is soon done."""
Trained = tuple[nn.Module, list[dict[str, Any]]]
"""A network, and its log."""


WHAT = {"seeds", "permuted", "targets", "inputs", "most_classes"}
"""Settings that say which networks there are, and decide none of them."""


def identity(shards: dict[str, list[Path]], samples: list[Sample | None], settings: Probe, code: str) -> dict[str, Any]:
    """Everything that decides the weights besides modality and seed. JSON-ready, without paths or subjects.

    Parameters
    ----------
    shards : `train` and `val`.
    samples : what is learned from, of one modality: training, and validation where there is any.
    code : hash of the code that trains.
    """
    given = [sample for sample in samples if sample is not None]
    names = given[0].names
    data = {
        name: digest([[shard_digest(path, array) for array in names] for path in sorted(paths)])
        for name, paths in shards.items()
    }
    return {
        "settings": settings.model_dump(mode="json", exclude=WHAT),
        "array": given[0].array,
        "target": given[0].target.name,
        "values": digest([sample.y.tolist() for sample in given]),
        "data": data,
        "code": code,
    }


class Keeper:
    """Writes trained networks into a folder, once a job has taken longer than `AFTER`; then all that it has.

    Parameters
    ----------
    folder : receives a file for each network.
    """

    def __init__(self, folder: Path):
        self.folder, self._begin = folder, time.monotonic()
        self._waiting: list[tuple[Path, Trained, dict[str, Any]]] = []

    def keep(self, name: str, trained: Trained, made_of: dict[str, Any]) -> None:
        """Take in a trained network; it and those before it are written when the job has taken long enough."""
        self._waiting.append((self._path(name), trained, made_of))
        if time.monotonic() - self._begin < AFTER:
            return
        for path, (network, rows), identity_of in self._waiting:
            _write(path, network, rows, identity_of)
        self._waiting = []

    def take_up(self, name: str, build: Callable[[], nn.Module], made_of: dict[str, Any]) -> Trained | None:
        """A network that an earlier job wrote, on the CPU, and its log.

        None where nothing was kept, or what is there isn't whole or is made of something else, which is then said.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads(file.metadata()["neuroquant"])
                reasons = differences(header["identity"], made_of)
                if not reasons:
                    network = build()
                    network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
                    print(f"{path}: trained before, and taken up", file=sys.stderr)
                    return network, header["rows"]
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            reasons = [f"not whole ({error})"]
        print(f"{path}: passed over: " + "; ".join(reasons), file=sys.stderr)
        return None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def _write(path: Path, network: nn.Module, rows: list[dict[str, Any]], made_of: dict[str, Any]) -> None:
    """Write a trained network and its log, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header = {"identity": made_of, "rows": rows}
    with written_whole(path) as scratch:
        save_file(tensors, scratch, metadata={"neuroquant": json.dumps(header)})
