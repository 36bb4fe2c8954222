"""One model on all cohorts: what `latents` and `reconstruct` do, one shard after another in one job."""

from collections.abc import Mapping
from pathlib import Path

from neuroquant.evaluation.fidelity import Scoring
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard

Shards = Mapping[str, Mapping[str, Path]]
"""Shard -> kind of file -> its path, `volumes` among them."""


def apply_model(
    model: Path,
    encoded: Mapping[str, Shards],
    reconstructed: Mapping[str, Shards],
    learned_from: Mapping[str, Mapping[str, Mapping[str, Path]]],
    scoring: Scoring | None,
    use: Mapping[str, object],
) -> None:
    """Write the latents of shards of training and validation, then all that is made of the test shards.

    Parameters
    ----------
    model : a model folder.
    encoded : cohort -> shards with `volumes` and `latents`.
    reconstructed : cohort -> shards with `volumes` and the files of `reconstruct.Outputs`.
    learned_from : cohort -> `training`, latents, and `validation`, volumes, as in `Inputs`, each by any name.
    scoring : what synthesised images are scored by; None: no synthesis.
    use : `device` and `threads`.
    """
    for shards in encoded.values():
        volumes, latents = ([files[kind] for files in shards.values()] for kind in ("volumes", "latents"))
        export_latents(model, volumes, latents, **use)
    for cohort, shards in reconstructed.items():
        learned = {kind: list(paths.values()) for kind, paths in learned_from[cohort].items()}
        for files in shards.values():
            out = Outputs(**{kind: path for kind, path in files.items() if kind != "volumes"})
            reconstruct_shard(Inputs(model, files["volumes"], **learned), out, scoring, **use)
