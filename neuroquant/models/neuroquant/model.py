"""NeuroQuant as a whole (figure 2; equations 1, 4, 11 and 13)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from neuroquant.config.model import Objective
from neuroquant.models.autoencoder import Autoencoder, Output, Swaps
from neuroquant.models.batch import Batch
from neuroquant.models.latents import Latents
from neuroquant.models.neuroquant import Parameters, objective
from neuroquant.models.neuroquant.attention import AxisAttention
from neuroquant.models.neuroquant.decoder import Decoder
from neuroquant.models.neuroquant.encoder import Encoder, Head
from neuroquant.models.neuroquant.film import Film, FilmGenerator, ModalityClassifier
from neuroquant.models.neuroquant.health import check_codebook
from neuroquant.models.neuroquant.plane import Activation
from neuroquant.models.neuroquant.quantizers import KINDS, Quantizer
from neuroquant.models.start import start_as_background, start_at_zero, start_evenly


@dataclass
class Encoded:
    """One pass of the encoder, all with gradients.

    Attributes
    ----------
    z_anat : (B, C_a, d, h, w), before quantisation
    z_mod : (B, C_m, d, h, w), or None without the modality stream
    z_q : (B, C_a, d, h, w), quantised, straight-through
    indices : (B, codebooks, d, h, w)
    vq_loss : scalar, L_VQ (equation 7)
    """

    z_anat: Tensor
    z_mod: Tensor | None
    z_q: Tensor
    indices: Tensor
    vq_loss: Tensor


@dataclass(frozen=True)
class Streams(Latents):
    """Latents of both streams.

    Attributes
    ----------
    z_anat, z_q : (B, C_a, d, h, w), before and after quantisation
    indices : (B, codebooks, d, h, w), of the codes; one codebook unless the quantiser has stages
    z_mod : (B, C_m, d, h, w); None without the modality stream
    """

    z_anat: Tensor
    z_q: Tensor
    indices: Tensor
    z_mod: Tensor | None = None

    ANATOMY: ClassVar[tuple[str, ...]] = ("z_anat", "z_q")
    APPEARANCE: ClassVar[tuple[str, ...]] = ("z_mod",)
    CODES: ClassVar[str] = "indices"
    PARTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "anatomy": ("z_anat",),
        "quantised": ("z_q",),
        "appearance": ("z_mod",),
        "both": ("z_anat", "z_mod"),
        "modality_code": ("z_mod",),
    }


class NeuroQuant(Autoencoder):
    """Shared encoder, anatomical codebook, modality stream where there is one, FiLM decoder.

    Parameters
    ----------
    modalities : how many there are.
    """

    probe_latent, latents_class = "z_q", Streams

    def __init__(self, parameters: Parameters, modalities: int):
        super().__init__()
        self.parameters_used, self.factor = parameters, parameters.factor
        self.encoder = Encoder(parameters)
        self.head_anat = Head(parameters.channels[-1], parameters.code_dim, parameters.norm)
        self.quantizer: Quantizer = KINDS[parameters.quantizer.kind](parameters)
        self.decoder = Decoder(parameters)
        self.codebook_size = self.quantizer.size
        self.head_mod: Head | None = None
        self.film_generator: FilmGenerator | None = None
        self.modality_classifier: ModalityClassifier | None = None
        if parameters.film:
            self.head_mod = Head(parameters.channels[-1], parameters.c_m, parameters.norm)
            self.film_generator = FilmGenerator(
                parameters.c_m, parameters.c_s, parameters.film_hidden, self.decoder.film_widths, modalities
            )
            self.modality_classifier = ModalityClassifier(
                parameters.code_dim,
                parameters.classifier_hidden,
                modalities,
                parameters.classifier_layers,
                parameters.classifier_view,
            )
        self._start()

    def _start(self) -> None:
        """Even activations, residual branches at zero, and nearly background, which most of a volume is, as output."""
        for part in (self.encoder, self.decoder, self.head_anat, self.head_mod):
            if part is not None:
                start_evenly(part)
        for block in (*self.encoder.blocks, *self.decoder.blocks):
            start_at_zero(block.conv)
            for axis in block.attention.axes if block.attention is not None else ():
                start_at_zero(axis.out)
        start_as_background(self.decoder.leave)

    def encode_train(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Encoded:
        """Volumes (B, 1, D, H, W), or slices with normal `plane`, to both streams (equations 1, 4 and 6).

        The codebook learns from volumes alone: of a slice only the reconstruction loss counts (section 3.5), and its
        tokens, which have seen no neighbours, would pull the codes away from what volumes need.
        """
        self.check_shape(x, plane)
        features = self.encoder(x, plane, off)
        z_anat = self.head_anat(features, plane)
        z_mod = None if self.head_mod is None else self.head_mod(features, plane)
        z_q, indices, loss = self.quantizer(z_anat, learn=plane is None)
        return Encoded(z_anat, z_mod, z_q, indices, loss)

    def film(self, z_mod: Tensor | None, modality: Tensor) -> Film | None:
        """FiLM parameters of every decoder layer (equations 8 and 9); None without the modality stream."""
        return None if self.film_generator is None else self.film_generator(z_mod, modality)

    def decode_with(self, z_q: Tensor, film: Film | None, plane: int | None = None, off: int | None = None) -> Tensor:
        """D(z_q, film) (equation 11); with the film of the other modality, equation 13."""
        return self.decoder(z_q, film, plane, off)

    def modality_logits(self, z_anat: Tensor) -> list[Tensor]:
        """D_m(z_anat), (B, modalities, N) each, with the gradient into z_anat reversed (equation 15)."""
        ramp = self.parameters_used.adversary_ramp
        return self.modality_classifier(z_anat, min(1.0, self.quantizer.steps() / ramp) if ramp else 1.0)

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None, off: int | None = None) -> Output:
        """Reconstruct volumes or slices; `off` leaves the attention along one axis out."""
        encoded = self.encode_train(x, plane, off)
        reconstruction = self.decode_with(encoded.z_q, self.film(encoded.z_mod, modality), plane, off)
        return Output(reconstruction, self._latents(encoded), {"vq": encoded.vq_loss})

    def losses(self, batch: Batch, weights: Objective) -> dict[str, Tensor]:
        """L_rec + L_VQ + L_cross + L_adv on volumes; L_rec alone on slices."""
        return objective.losses(self, batch, weights)

    def after_step(self, plane: int | None) -> None:
        """The quantiser's update, after steps on volumes."""
        if plane is None:
            self.quantizer.update()

    @property
    def start_after(self) -> int | None:
        """Steps on volumes before the codebook starts; None where it had started before, or nothing starts."""
        return None if self.quantizer.goes_on else self.quantizer.start_after

    def go_on(self, codebook: Literal["keep", "adapt"]) -> None:
        """The codebook has started; it is frozen, or goes on learning."""
        self.quantizer.go_on(frozen=codebook == "keep")

    def facts(self) -> dict[str, float]:
        """Share of codes that were used, and the perplexity of the last step's; empty before the codebook starts."""
        facts = {"usage": float(self.quantizer.usage), "perplexity": float(self.quantizer.perplexity)}
        updated = self.quantizer.look_anew()
        return {name: value for name, value in facts.items() if value > 0} if updated else {}

    def check_log(self, where: str, rows: list[dict[str, Any]]) -> None:
        """Stop where every token has got the same code for 1000 steps."""
        check_codebook(where, rows, self.quantizer.REVIVES)

    def modality_rows(self) -> list[str]:
        """The embedding s_m and the output of D_m."""
        if self.film_generator is None:
            return []
        return ["film_generator.embedding.weight", "modality_classifier.out.weight", "modality_classifier.out.bias"]

    def encode(self, x: Tensor, modality: Tensor) -> Streams:
        """Both streams; deterministic in evaluation mode."""
        return self._latents(self.encode_train(x))

    def decode(self, latents: Streams, modality: Tensor) -> Tensor:
        """From z_q and z_mod to volumes."""
        return self.decode_with(latents.z_q, self.film(latents.z_mod, modality))

    def codes(self, latents: Streams) -> Tensor | None:
        """Of the anatomical codebooks, (B, codebooks, tokens); None before they have started."""
        return latents.indices.flatten(2) if self.quantizer.has_started() else None

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Norms with FiLM and activation, or blocks and heads; the quantiser, which asks its host, stays as it is."""
        if what == "norms":
            return [module for module in self.modules() if isinstance(module, Activation)]
        parts = [*self.encoder.blocks, *self.decoder.blocks, self.head_anat, self.head_mod]
        return [part for part in parts if part is not None]

    def left_to_adamw(self) -> list[nn.Module]:
        """The networks that see a vector an image: Muon costs up to 0.3 dB there (benchmarks/time_to_quality.md).

        And what a quantiser trains by gradients, which is no layer between features.
        """
        parts = (self.film_generator, self.modality_classifier, self.quantizer)
        return [part for part in parts if part is not None]

    def recompute(self, what: Literal["nothing", "norms", "attention"]) -> None:
        """Norms, FiLM and activations; or attention as well."""
        for module in self.modules():
            if isinstance(module, Activation):
                module.recompute = what != "nothing"
            if isinstance(module, AxisAttention):
                module.recompute = what

    def bits(self, shape: tuple[int, int, int]) -> float:
        """log2 K_a a token, and 32 a channel of the pooled z_mod, which the decoder needs too."""
        indices = self.quantizer.codebooks * math.prod(side // self.factor for side in shape)
        pooled = 32 * self.parameters_used.c_m if self.parameters_used.film else 0
        return indices * math.log2(self.quantizer.size) + pooled

    @staticmethod
    def _latents(encoded: Encoded) -> Streams:
        return Streams(encoded.z_anat, encoded.z_q, encoded.indices, encoded.z_mod)


class SwappingNeuroQuant(NeuroQuant, Swaps):
    """NeuroQuant with the modality stream, which tells anatomy from appearance."""

    def appearance(self, latents: Streams) -> Tensor:
        """GAP(z_mod), (B, C_m): with s_m all that FiLM sees of an image (equation 8)."""
        return latents.z_mod.mean(dim=(2, 3, 4))

    def translate(self, latents: Streams, appearance: Tensor, modality: Tensor) -> Tensor:
        """D(z_q, FiLM of another modality) (equation 13)."""
        return self.decode_with(latents.z_q, self.film(appearance[:, :, None, None, None], modality))
