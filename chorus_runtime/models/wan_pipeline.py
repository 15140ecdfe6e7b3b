"""A diffusers ``WanPipeline``, served: its own text encoder, its own VAE, our denoising loop."""

from threading import Lock
from typing import Any

import torch
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_runtime.models.clip import ClipRule
from chorus_runtime.models.digest import config_digest, lora_state, weights_digest
from chorus_runtime.models.offsets import token_offsets
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.settings import EngineSettings
from chorus_traces.request import Request

_TEXT_TOKENS = 512


class WanVideo:
    """Text-to-video of Wan 2.1 and 2.2 by the parts of a ``WanPipeline``.

    The pipeline is used as it is now; weights or a scheduler exchanged later need a new one of
    these. Raises ``EngineError`` for parts the engine does not support.
    """

    def __init__(
        self, pipe: Any, settings: EngineSettings, text_tokens: int = _TEXT_TOKENS
    ) -> None:
        first, second = pipe.transformer, pipe.transformer_2
        self.name = f"wan-{config_digest(first)[:8]}"
        self.device = pipe._execution_device  # noqa: SLF001 - where diffusers runs the pipeline
        self.engine = Engine(
            first,
            pipe.scheduler,
            settings=settings,
            transformer_2=second,
            boundary_ratio=pipe.config.boundary_ratio,
            per_token_timesteps=pipe.config.expand_timesteps,
            device=self.device,
        )
        self._pipe = pipe
        self._tokens = text_tokens
        self._lock = Lock()
        self._weights = weights_digest(first, second, pipe.text_encoder)
        self._vae = weights_digest(pipe.vae)
        patch = self.engine.adapters[0].model.config.patch_size
        self._rule = ClipRule(
            default=Shape(
                model=self.name, height=480, width=832, frames=81, steps=50, guidance=5.0
            ),
            sides=pipe.vae_scale_factor_spatial * patch[1],
            frames=pipe.vae_scale_factor_temporal,
        )

    def deployment(self) -> Deployment:
        """Return weights, scheduler, step skip and LoRA adapters as they are now."""
        pipe, skip = self._pipe, self.engine.settings.skip
        return Deployment(
            revision=f"{self._weights} tokens {self._tokens} skip {skip}",
            lora=lora_state(pipe.transformer, pipe.transformer_2, pipe.text_encoder),
            scheduler=f"{type(pipe.scheduler).__name__} {config_digest(pipe.scheduler)}",
            dtype=str(pipe.transformer.dtype),
            vae=self._vae,
        )

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape; unstated fields are the pipeline's defaults."""
        return self._rule.shape_of(request)

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        side, time = self._pipe.vae_scale_factor_spatial, self._pipe.vae_scale_factor_temporal
        channels = self.engine.adapters[0].channels
        frames = (shape.frames - 1) // time + 1
        return (1, channels, frames, shape.height // side, shape.width // side)

    def timing(self, shape: Shape) -> Timing:
        """Return the scheduler's own schedule."""
        del shape
        return Timing()

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt's states by the pipeline's text encoder."""
        with self._lock, torch.no_grad():
            states, negative = self._pipe.encode_prompt(
                prompt,
                negative_prompt,
                do_classifier_free_guidance=guided,
                max_sequence_length=self._tokens,
                device=self.device,
            )
            cleaned = prompt_clean(prompt)
            offsets = token_offsets(self._pipe.tokenizer, cleaned, self._tokens)
        return EncodedText(
            prompt=cleaned,
            text=TextStates.of(states),
            negative=None if negative is None else TextStates.of(negative),
            offsets=offsets,
        )

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip by the pipeline's VAE, as the pipeline would."""
        pipe, vae = self._pipe, self._pipe.vae
        with self._lock, torch.no_grad():
            latents = latents.to(self.device, vae.dtype)
            sizes = (1, vae.config.z_dim, 1, 1, 1)
            mean = torch.tensor(vae.config.latents_mean).view(sizes).to(latents)
            scale = 1.0 / torch.tensor(vae.config.latents_std).view(sizes).to(latents)
            video = vae.decode(latents / scale + mean, return_dict=False)[0]
            clip = pipe.video_processor.postprocess_video(video, output_type=output_type)
            pipe.maybe_free_model_hooks()
        return clip
