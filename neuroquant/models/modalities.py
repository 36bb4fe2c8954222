"""A trained model for more modalities than it was trained with."""

import copy

import torch
from torch import Tensor, nn

from neuroquant.errors import InputError
from neuroquant.models.autoencoder import Autoencoder


@torch.no_grad()
def with_modalities(model: Autoencoder, old: tuple[str, ...], new: tuple[str, ...]) -> Autoencoder:
    """A copy of a model that takes further modalities; what it knows of the old ones stays, bit for bit.

    A new modality begins as the mean of the old ones, wherever the model keeps something for each.

    Parameters
    ----------
    old : modalities that it was trained with.
    new : modalities that the copy takes, in the order in which it numbers them: all old ones, and more.

    Raises
    ------
    InputError
        If an old modality isn't among the new ones.
    """
    if lost := [name for name in old if name not in new]:
        raise InputError(
            "modalities", ", ".join(new), f"{', '.join(old)} among them, with which the model was trained",
            f"add {lost[0]}",
        )  # fmt: skip
    extended = copy.deepcopy(model)
    for name in extended.modality_rows():
        owner_name, _, attribute = name.rpartition(".")
        owner = extended.get_submodule(owner_name)
        _resize(owner, attribute, [old.index(each) if each in old else None for each in new])
    extended.modalities = tuple(new)
    return extended


def _resize(owner: nn.Module, attribute: str, sources: list[int | None]) -> None:
    """Give a tensor a row for each of `sources`: a copy of that row, or the mean of all where it is None."""
    tensor: Tensor = getattr(owner, attribute)
    mean = tensor.float().mean(0).to(tensor.dtype)
    rows = torch.stack([mean if source is None else tensor[source] for source in sources])
    setattr(owner, attribute, nn.Parameter(rows) if isinstance(tensor, nn.Parameter) else rows)
    if isinstance(owner, nn.Embedding):
        owner.num_embeddings = len(sources)
    if isinstance(owner, nn.Linear):
        owner.out_features = len(sources)
