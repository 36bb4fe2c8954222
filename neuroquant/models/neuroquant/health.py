"""When a codebook has died, by the log of its training."""

from typing import Any

from neuroquant.errors import InputError

ALONE = 1.5
"""Perplexity below which all tokens share about one code. 0 means that the codebook hasn't started."""
PATIENCE = 1000
"""Steps for which a codebook may stay like that."""


def check_codebook(where: str, rows: list[dict[str, Any]], revives: bool = True) -> None:
    """Stop a training whose codebook has had one code in use for 1000 steps on volumes.

    Parameters
    ----------
    where : names the training in the error.
    rows : the log so far, each with step, mode, and perplexity where the codebook was updated.
    revives : whether the quantiser revives idle codes.

    Raises
    ------
    InputError
        If it has died.
    """
    alone = steps_alone(rows)
    if alone >= PATIENCE:
        raise InputError(
            f"{where}, step {rows[-1]['step']}",
            f"a codebook with a perplexity below {ALONE} for {alone} steps: every token gets the same code",
            "a perplexity that grows",
            "lower training.phases[].lr or parameters.commitment, or "
            + (
                "raise parameters.dead_below: idle codes are then revived sooner"
                if revives
                else "set parameters.quantizer.kind to ema, which revives idle codes"
            ),
        )


def steps_alone(rows: list[dict[str, Any]]) -> int:
    """Steps since the codebook last had more than about one code in use; slices don't update it and don't count."""
    volumes = [row for row in rows if row["mode"] == "3d"]
    if not volumes or rows[-1]["mode"] != "3d":
        return 0
    for row in reversed(volumes):
        if not 0 < row.get("perplexity", 0.0) < ALONE:
            return volumes[-1]["step"] - row["step"]
    return volumes[-1]["step"] - volumes[0]["step"]
