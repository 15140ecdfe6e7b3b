"""The namespace: what must be equal for reuse to be allowed at all.

It fails closed: where a field cannot be known, the namespace is ``None`` and nothing is reused or
stored. The step count is part of it: sigmas of different step counts differ.
"""

import hashlib
from typing import Any

import msgspec

from chorus_policies.costs.profile_book import Shape
from chorus_traces.rate_scale import REPLICA_FIELD
from chorus_traces.request import DEPLOYMENT_FIELDS, Request

#: Extra fields that say a request has an image or video input; without a digest of it the
#: namespace is unknown.
INPUT_FIELDS = ("image", "image_url", "init_image", "reference_image", "video", "video_url")


class Deployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is fixed for a whole deployment; a request's own extra fields come first."""

    revision: str = "main"
    lora: str = "none"
    scheduler: str = "flow-match-euler"
    sigma_schedule: str = "default"
    dtype: str = "bfloat16"
    quantisation: str = "none"
    vae: str = "default"
    tenants: str = "separate"

    def __post_init__(self) -> None:
        if self.tenants not in ("separate", "shared"):
            raise ValueError(f"tenants is {self.tenants!r}; 'separate' or 'shared' is needed")


def namespace_of(request: Request, shape: Shape, deployment: Deployment) -> str | None:
    """Return the request's namespace, or ``None`` where part of it is unknown.

    An empty prompt says nothing about what is wanted, so its namespace is unknown too.

    Tenants are kept apart here and nowhere else, for reads and for writes.
    """
    if request.conditioning is None and any(request.extra.get(name) for name in INPUT_FIELDS):
        return None
    if not request.prompt.strip():
        return None
    parts: list[Any] = [
        shape.model,
        shape.height,
        shape.width,
        shape.frames,
        shape.steps,
        shape.guidance,
        request.negative_prompt or "",
        request.conditioning or "",
        request.extra.get(REPLICA_FIELD),
        (request.tenant or "") if deployment.tenants == "separate" else "",
    ]
    for name in DEPLOYMENT_FIELDS:
        stated = request.extra.get(name)
        parts.append(getattr(deployment, name) if stated is None else stated)
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


def identity_of(request: Request) -> str | None:
    """Return what is equal for identical requests of one namespace.

    ``None`` for a request without a seed: its user expects a new result each time.
    """
    if request.seed is None:
        return None
    content = msgspec.json.encode([request.seed, request.prompt])
    return hashlib.blake2b(content, digest_size=8).hexdigest()
