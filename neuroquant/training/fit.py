"""Models that learn from all training volumes without gradients: each of them decides how often it sees them."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.models import fit_bytes
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.fitting import TOGETHER
from neuroquant.training.data import Sessions
from neuroquant.training.identity import identity


def is_fitted(entry: ModelEntry, volume: Volume) -> bool:
    """Whether a model learns from all training volumes without gradients."""
    return entry.weights is None and (
        fit_bytes(entry.architecture, entry.parameters, volume.shape, len(entry.suffixes)) is not None
    )


def fitted(
    entry: ModelEntry, volume: Volume, model: Autoencoder, sessions: Sessions, shards: list[Path]
) -> tuple[ModelEntry, dict[str, Any]]:
    """Fit a model in place, where it is one that is fitted.

    Parameters
    ----------
    sessions, shards : all training sessions, and the files that they are in.

    Returns
    -------
    The model with the parameters that the volumes decided, and what provenance.json says of the fit; other models as
    they were, and nothing.
    """
    if not is_fitted(entry, volume):
        return entry, {}
    passes, begin = Passes(entry.name, sessions), time.monotonic()
    made_of = identity(entry, volume, shards)
    fit = model.fit(passes)
    for note in fit.notes:
        print(f"model {entry.name}: {note}", file=sys.stderr, flush=True)
    facts = {
        "weights": "fitted to all training sessions, without gradients",
        "sessions": len(sessions),
        "passes": passes.started,
        "seconds": round(time.monotonic() - begin, 1),
        "notes": list(fit.notes),
        "training_data": made_of["data"],
        "code": made_of["code"],
    }
    return entry.model_copy(update={"parameters": entry.parameters | fit.parameters}), facts


class Passes:
    """The volumes of all sessions, shard by shard in the order of the files, anew with each call; tells how far it is.

    Parameters
    ----------
    name : of the model, for the log.
    """

    def __init__(self, name: str, sessions: Sessions):
        self.name, self.sessions, self.started = name, sessions, 0

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass."""
        self.started += 1
        number, total = self.started, len(self.sessions)
        shown = time.monotonic()
        for first in range(0, total, TOGETHER):
            batch = self.sessions.volumes(list(range(first, min(first + TOGETHER, total))))
            yield batch.x, batch.modality
            if time.monotonic() - shown > 60:
                shown = time.monotonic()
                print(f"{self.name} pass {number}: {first + TOGETHER}/{total} sessions", file=sys.stderr, flush=True)
