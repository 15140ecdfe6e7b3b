"""A diffusers ``LTXPipeline``, served: its own text encoder, its own VAE, our denoising loop."""

from threading import Lock
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_runtime.models.clip import ClipRule
from chorus_runtime.models.digest import config_digest, lora_state, weights_digest
from chorus_runtime.models.offsets import token_offsets
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

_TEXT_TOKENS = 128

#: The compression of LTX-Video's autoencoder (frames, sides): the adapter places tokens by it.
_STRIDES = (8, 32)


class LtxVideo:
    """Text-to-video by the parts of an ``LTXPipeline``, at 25 frames a second.

    The pipeline is used as it is now; weights or a scheduler exchanged later need a new one of
    these. Raises ``EngineError`` for parts the engine does not support.
    """

    def __init__(
        self, pipe: Any, settings: EngineSettings, text_tokens: int = _TEXT_TOKENS
    ) -> None:
        strides = (pipe.vae_temporal_compression_ratio, pipe.vae_spatial_compression_ratio)
        if strides != _STRIDES:
            raise EngineError(
                f"the pipeline's VAE compresses time and sides by {strides}; {_STRIDES}, those of "
                "LTX-Video, are needed"
            )
        self.name = f"ltx-{config_digest(pipe.transformer)[:8]}"
        self.device = pipe._execution_device  # noqa: SLF001 - where diffusers runs the pipeline
        self.engine = Engine(
            pipe.transformer, pipe.scheduler, settings=settings, device=self.device
        )
        self._pipe = pipe
        self._tokens = text_tokens
        self._lock = Lock()
        self._weights = weights_digest(pipe.transformer, pipe.text_encoder)
        self._vae = weights_digest(pipe.vae)
        self._rule = ClipRule(
            default=Shape(
                model=self.name, height=512, width=704, frames=161, steps=50, guidance=3.0
            ),
            sides=_STRIDES[1] * pipe.transformer_spatial_patch_size,
            frames=_STRIDES[0] * pipe.transformer_temporal_patch_size,
        )

    def deployment(self) -> Deployment:
        """Return weights, scheduler, step skip and LoRA adapters as they are now."""
        pipe, skip = self._pipe, self.engine.settings.skip
        return Deployment(
            revision=f"{self._weights} tokens {self._tokens} skip {skip}",
            lora=lora_state(pipe.transformer, pipe.text_encoder),
            scheduler=f"{type(pipe.scheduler).__name__} {config_digest(pipe.scheduler)}",
            dtype=str(pipe.transformer.dtype),
            vae=self._vae,
        )

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape; unstated fields are the pipeline's defaults."""
        return self._rule.shape_of(request)

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        time, side = _STRIDES
        frames = (shape.frames - 1) // time + 1
        channels = self.engine.adapters[0].channels
        return (1, channels, frames, shape.height // side, shape.width // side)

    def timing(self, shape: Shape) -> Timing:
        """Return the pipeline's schedule: even sigmas, shifted by the number of latent cells."""
        even = tuple(float(one) for one in np.linspace(1.0, 1 / shape.steps, shape.steps))
        config = self._pipe.scheduler.config
        if not config.use_dynamic_shifting:
            return Timing(sigmas=even)
        _, _, frames, height, width = self.latent_shape(shape)
        mu = calculate_shift(
            frames * height * width,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        return Timing(sigmas=even, mu=mu)

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt's states by the pipeline's text encoder."""
        with self._lock, torch.no_grad():
            states, valid, negative, negative_valid = self._pipe.encode_prompt(
                prompt,
                negative_prompt,
                do_classifier_free_guidance=guided,
                max_sequence_length=self._tokens,
                device=self.device,
            )
            offsets = token_offsets(self._pipe.tokenizer, prompt, self._tokens)
        without = None
        if negative is not None:
            without = TextStates(states=negative, valid=negative_valid)
        return EncodedText(
            prompt=prompt,
            text=TextStates(states=states, valid=valid),
            negative=without,
            offsets=offsets,
        )

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip by the pipeline's VAE, as the pipeline would with its defaults."""
        pipe, vae = self._pipe, self._pipe.vae
        with self._lock, torch.no_grad():
            mean = vae.latents_mean.view(1, -1, 1, 1, 1).to(latents)
            deviation = vae.latents_std.view(1, -1, 1, 1, 1).to(latents)
            latents = latents * deviation / vae.config.scaling_factor + mean
            latents = latents.to(self.device, vae.dtype)
            # Timestep 0 means no noise is mixed in before decoding: the pipeline's default.
            at = None
            if vae.config.timestep_conditioning:
                at = torch.zeros(1, device=self.device, dtype=latents.dtype)
            video = vae.decode(latents, at, return_dict=False)[0]
            clip = pipe.video_processor.postprocess_video(video, output_type=output_type)
            pipe.maybe_free_model_hooks()
        return clip
