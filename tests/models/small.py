"""A small NeuroQuant without the identities that training starts from."""

import torch

from neuroquant import models

SMALL = {
    "channels": (4, 8, 8, 8),
    "codebook_size": 12,
    "code_dim": 6,
    "c_m": 4,
    "c_s": 4,
    "film_hidden": 8,
    "classifier_hidden": 12,
    "start_after": 0,
}

torch.set_num_threads(1)


def small(**changes):
    """Freshly initialised, every layer at work."""
    torch.manual_seed(0)
    model = models.build("neuroquant", {**SMALL, "head_channels": 4, **changes})
    for name, parameter in model.named_parameters():  # leave the identities that FiLM and residual branches start from
        if parameter.ndim < 2 or "mlps" in name or "decoder.leave" in name:
            torch.nn.init.normal_(parameter, std=0.3)
        elif not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def started(model, x):
    """The model with a codebook, in evaluation mode."""
    with torch.no_grad():
        model.train().encode_train(x)
        model.quantizer.update()
    return model.eval()
