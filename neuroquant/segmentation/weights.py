"""Weights in SynthSeg's own .h5 layout: found, checked, and read into the PyTorch network."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

from neuroquant.errors import InputError
from neuroquant.segmentation.installed import find_official
from neuroquant.segmentation.labels import official
from neuroquant.segmentation.network import UNet
from neuroquant.store.trust import READING, own


def layers(network: UNet) -> Iterator[tuple[str, nn.Module]]:
    """(Keras layer name, module) of every layer that has weights."""
    depth = len(network.down)
    for number, level in enumerate(network.down):
        for index, conv in enumerate(level.convs):
            yield f"unet_conv_downarm_{number}_{index}", conv
        yield f"unet_bn_down_{number}", level.norm
    for number, level in enumerate(network.up):
        for index, conv in enumerate(level.convs):
            yield f"unet_conv_uparm_{depth + number}_{index}", conv
        yield f"unet_bn_up_{number}", level.norm
    yield "unet_likelihood", network.likelihood


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Keras weight name -> tensor of a layer."""
    if isinstance(module, nn.Conv3d):
        return {"kernel:0": module.weight, "bias:0": module.bias}
    return {
        "gamma:0": module.weight,
        "beta:0": module.bias,
        "moving_mean:0": module.running_mean,
        "moving_variance:0": module.running_var,
    }


def to_torch(name: str, array: np.ndarray) -> np.ndarray:
    """Keras keeps kernels as (k, k, k, in, out), PyTorch as (out, in, k, k, k)."""
    return array.transpose(4, 3, 0, 1, 2) if name == "kernel:0" and array.ndim == 5 else array


def read_weights(path: Path, network: UNet) -> None:
    """Fill a network from an .h5 file.

    Raises
    ------
    InputError
        If the file is truncated, or its layers aren't those of the network, to the last one.
    """
    sizes = f"{len(network.down)} levels and {network.likelihood.out_channels} labels"
    other = f"these are of another network; the one wanted has {sizes}"
    known = dict(layers(network))
    try:
        with h5py.File(path, "r") as file, torch.no_grad():
            root = own(file, "model_weights") if "model_weights" in file else file
            unknown = [name for name in root if name.startswith(("unet_conv", "unet_bn")) and name not in known]
            if unknown:
                raise InputError(f"{path}: {unknown[0]}", "a layer too many", "SynthSeg's layers alone", other)
            for layer, module in known.items():
                for name, tensor in tensors(module).items():
                    array = to_torch(name, np.asarray(own(own(own(root, layer), layer), name)))
                    if array.shape != tuple(tensor.shape):
                        raise InputError(
                            f"{path}: {layer}/{name}", f"shape {array.shape}", f"{tuple(tensor.shape)}", other
                        )
                    tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    except InputError:
        raise
    except READING as error:
        raise InputError(
            str(path), f"not readable as a SynthSeg network ({error})", "SynthSeg's .h5 layout",
            "the file is truncated, or of another network: get it again",
        ) from None  # fmt: skip


def open_official(version: str, configured: str) -> tuple[UNet, tuple[int, ...]]:
    """The official network and its labels."""
    path, labels = find_official(version, configured), official(version)
    network = UNet(len(labels))
    read_weights(path, network)
    return network.eval(), labels
