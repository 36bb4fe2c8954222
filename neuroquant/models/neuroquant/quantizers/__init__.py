"""NeuroQuant's quantisers: one interface, a module per kind."""

from neuroquant.models.neuroquant.quantizers.ema import EMA
from neuroquant.models.neuroquant.quantizers.fsq import FSQ
from neuroquant.models.neuroquant.quantizers.interface import Quantized, Quantizer
from neuroquant.models.neuroquant.quantizers.residual import Residual
from neuroquant.models.neuroquant.quantizers.simvq import SimVQ

KINDS = {"ema": EMA, "fsq": FSQ, "simvq": SimVQ, "residual": Residual}
"""Classes by the `kind` of the setting; each is built from the model's parameters."""

__all__ = ["EMA", "FSQ", "KINDS", "Quantized", "Quantizer", "Residual", "SimVQ"]
