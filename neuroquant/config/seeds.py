"""Several trainings of one model: each further seed of `training.seeds` becomes an entry of its own."""

from neuroquant.config.model import ModelEntry
from neuroquant.errors import InputError

LONGEST = 64
"""Letters that the name of a model may have."""


def trainings(entry: ModelEntry, where: str) -> list[ModelEntry]:
    """The model with its first seed, then an entry for each further one, named `<model>_seed<seed>`.

    The first keeps the name, so that a training that exists already isn't repeated when seeds are added.

    Parameters
    ----------
    where : names the model's file in errors.

    Raises
    ------
    InputError
        If a model that nothing trains has several seeds, or a name becomes too long.

    Examples
    --------
    >>> model = ModelEntry(name="mine", architecture="neuroquant", training={"seeds": (3, 5)})
    >>> [(each.name, each.training.seed, each.replicate_of) for each in trainings(model, "mine.yaml")]
    [('mine', 3, ''), ('mine_seed5', 5, 'mine')]
    """
    seeds = entry.training.seeds
    if seeds is None:
        return [entry]
    if len(seeds) > 1 and not entry.training.phases:
        raise InputError(
            f"{where}: training.seeds", f"{list(seeds)}, for a model without training.phases",
            "one seed: nothing is trained, so every seed gives the same model", "remove `seeds`",
        )  # fmt: skip
    return [_with_seed(entry, seed, number, where) for number, seed in enumerate(seeds)]


def _with_seed(entry: ModelEntry, seed: int, number: int, where: str) -> ModelEntry:
    changes: dict[str, object] = {"training": entry.training.model_copy(update={"seed": seed, "seeds": None})}
    if number:
        name = f"{entry.name}_seed{seed}"
        if len(name) > LONGEST:
            raise InputError(
                f"{where}: name", f"{entry.name}, with {name} for its seed {seed}",
                f"at most {LONGEST} letters, those of the seed among them", "shorten the model's name",
            )  # fmt: skip
        changes |= {"name": name, "label": "", "full_label": "", "published_as": "", "ablation_of": ""}
        changes |= {"replicate_of": entry.name}
    return entry.model_copy(update=changes)
