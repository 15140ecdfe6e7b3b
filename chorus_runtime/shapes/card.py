"""The model card: what the manifest knows, in words and tables."""

from collections.abc import Mapping
from typing import Any

from chorus_runtime.shapes.compare import ATTRIBUTES
from chorus_runtime.shapes.weights import Entry

_HEAD = """# The shapes model

A text-to-video diffusion transformer (`WanTransformer3DModel` of diffusers) with its own small
text encoder, trained from nothing on the procedural shapes world of `chorus_runtime.shapes`. It
exists so that reuse of latents can be tried, tested and measured on a CPU with semantics that a
program can check. This card is written by `chorus_runtime.shapes.release`; do not edit it.

## Data
Clips of 8 frames of 32 x 32 pixels, rendered while training runs: one or two figures (6 colours,
3 shapes, 5 motions; a single figure also in 3 sizes) on 4 backgrounds. Captions come from a grammar
in 4 phrasings. Places, radii and greys are random. Batch n is a function of the seed and n. No
image, video or text from outside is used. Latents are a fixed linear map of cubes of 2 x 2 pixels
and 2 or 4 frames; there is no learned VAE.

## Objective
Base: rectified flow (velocity), logistic-normal times, empty captions for guidance, Muon on the
matrices of the blocks and AdamW on the rest, averaged weights. Few-step student: each step learns
the mean velocity of several guided steps of the base model; it is sampled without guidance.
"""

_LIMITS = """
## Limits
- It knows the words of its grammar and nothing else; other words are one unknown word.
- Accuracies are those of the automatic checker, which reads 100 % of 3,000 rendered clips rightly,
  before and after the latent round trip.
- Positions are not part of a caption, so they are free.
- The curve is the loss over the training batches; it rises where pairs of figures begin.
- Nothing here says how a model trained on real video behaves.

## Licence
Apache-2.0, as the repository.
"""


def model_card(manifest: Mapping[str, Entry]) -> str:
    """Return the card of the variants in a manifest as Markdown."""
    return _HEAD + "".join(_variant(*item) for item in sorted(manifest.items())) + _LIMITS


def _variant(name: str, entry: Entry) -> str:
    model, sampling = entry.model, entry.sampling
    text = f"""
## Variant `{name}`
`{entry.file}`, fp16, {entry.size_bytes / 2**20:.2f} MiB, SHA-256 `{entry.sha256}`.
Width {model.width}, {model.layers} layers, {model.heads} heads, {8 // model.span} latent frames.
Sampled with {sampling.steps} Euler steps, guidance {sampling.guidance:g}, shift {sampling.shift:g}.
"""
    return text + _made(entry.recipe) if entry.recipe else text


def _made(recipe: Mapping[str, Any]) -> str:
    config, accuracy = recipe["config"], recipe["accuracy"]
    one, two = accuracy["one figure"], accuracy["two figures"]
    rows = [
        f"| {name} | {_share(one, name)} | {_share(two, name)} |"
        for name in (*ATTRIBUTES, "all")
        if name in one or name in two
    ]
    curve = [
        f"| {point['samples']:,} | {point['minutes']} | {point['loss']} | {point['pairs']} |"
        for point in recipe["curve"]
    ]
    return f"""
Trained on {recipe["samples"]:,} samples ({recipe["steps"]:,} steps of {config["batch"]}) in
{recipe["spent_s"] / 60:.0f} minutes, seed {config["seed"]}, precision {config["precision"]}.
{recipe["notes"]}

| attribute | one figure | two figures |
|---|---|---|
{_lines(rows)}

Measured: one clip for each of {one["all"]["trials"]} captions a column, 95 % Wilson intervals.
"all" asks for every attribute at once.

| samples | minutes | loss | share of pairs |
|---|---|---|---|
{_lines(curve)}
"""


def _lines(lines: list[str]) -> str:
    return "\n".join(lines)


def _share(shares: Mapping[str, Any], attribute: str) -> str:
    if attribute not in shares:
        return "-"
    share = shares[attribute]
    percent = 100 * share["right"] / share["trials"]
    return f"{percent:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"
