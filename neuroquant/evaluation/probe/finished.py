"""Networks that are trained already, kept until the whole job is done: one that was killed goes on with the next."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from neuroquant.config.evaluation import Probe
from neuroquant.files import written_whole
from neuroquant.store.digest import differences, digest, shard_digest


def identity(train: list[Path], val: list[Path], array: str, settings: Probe, code: str) -> dict[str, Any]:
    """Everything that decides the weights besides modality, labels and seed. JSON-ready, without paths or subjects.

    Parameters
    ----------
    code : hash of the code that trains.
    """
    data = {
        name: digest([shard_digest(path, array) for path in sorted(shards)])
        for name, shards in (("train", train), ("val", val))
    }
    return {
        "settings": settings.model_dump(mode="json", exclude={"seeds", "permuted"}),
        "array": array,
        "data": data,
        "code": code,
    }


def keep(path: Path, network: nn.Module, rows: list[dict[str, Any]], made_of: dict[str, Any]) -> None:
    """Write a trained network and its log, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header = {"identity": made_of, "rows": rows}
    with written_whole(path) as scratch:
        save_file(tensors, scratch, metadata={"neuroquant": json.dumps(header)})


def take_up(
    path: Path, build: Callable[[], nn.Module], made_of: dict[str, Any]
) -> tuple[nn.Module, list[dict[str, Any]]] | None:
    """What `keep` wrote: the network, on the CPU, and its log.

    None where nothing was kept, or what is there isn't whole or is made of something else, which is then said.
    """
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
