"""A trace of shapes captions that shares what a real trace shares.

Each prompt becomes a caption. A prompt like an earlier one (the nearest by the trace's embeddings,
at or above ``FLOOR``) becomes that one's caption with attributes edited, one to four, whichever of
some candidates is as similar to it as the two prompts are; an equal prompt becomes the equal
caption; any other prompt begins a new thread with a scene of its own.

Captions alone are all somewhat alike to a sentence embedder (median cosine 0.60 between unrelated
ones), so each thread carries two words of its first prompt, which the shapes model does not know
and passes over. Instants, users, seeds and tenants stay. Everything is decided by the trace: equal
traces give equal captions.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.shapes.caption import PHRASINGS, caption
from chorus_runtime.shapes.edit import EDITS, edit
from chorus_runtime.shapes.from_text import scene_of_text
from chorus_runtime.shapes.scene import Scene
from chorus_runtime.shapes.tokenizer import VOCABULARY
from chorus_traces.errors import EngineError
from chorus_traces.trace import Trace

#: Two prompts less similar than this are unrelated: no band of any preset reaches lower.
FLOOR = 0.65

#: Candidates tried for each prompt. More of them come nearer to the wanted similarity and take
#: longer: each is embedded.
CANDIDATES = 8

#: Words of a thread's first prompt that its captions carry.
TAG_WORDS = 2

#: Shorter words say little about what a prompt is about.
_LEAST_LETTERS = 4

#: Fields of another model that a shapes request cannot state.
_UNSTATED = {"model": None, "height": None, "width": None, "frames": None, "steps": None}

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A caption, what it shows, its thread's words and its vector."""

    scene: Scene
    tag: str
    text: str
    vector: Vector


def shapes_trace(
    trace: Trace,
    embedder: PromptEmbedder,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """Return ``trace`` with captions for prompts, embedded by ``embedder``.

    The shape, guidance, negative prompt and conditioning of requests are left out: the shapes model
    has its own. The real prompt stays as the extra field ``original_prompt``. Raises
    ``EngineError`` for a trace without embeddings.
    """
    if trace.embeddings is None:
        raise EngineError(f"{trace.name}: no embeddings; embed the trace first")
    said: list[_Said] = []
    by_prompt: dict[str, _Said] = {}
    for place, request in enumerate(trace.requests):
        if progress is not None:
            progress(place, len(trace))
        found = by_prompt.get(request.prompt)
        if found is None:
            found = _caption_of(trace, place, said, embedder)
            by_prompt[request.prompt] = found
        said.append(found)
    if progress is not None:
        progress(len(trace), len(trace))
    requests = tuple(
        msgspec.structs.replace(
            request,
            prompt=one.text,
            negative_prompt=None,
            guidance=None,
            conditioning=None,
            **_UNSTATED,
            extra={"original_prompt": request.prompt},
        )
        for request, one in zip(trace.requests, said, strict=True)
    )
    mapped = replace(
        trace, name=f"{trace.name} in shapes", requests=requests, embeddings=None, embedder=None
    )
    return mapped.with_embeddings(np.stack([one.vector for one in said]), embedder.name)


def _caption_of(trace: Trace, place: int, said: list[_Said], embedder: PromptEmbedder) -> _Said:
    prompt = trace.requests[place].prompt
    vectors = trace.embeddings
    if place and vectors is not None:
        cosines = vectors[:place] @ vectors[place]
        # The latest of the nearest: a user edits what they sent last.
        nearest = place - 1 - int(np.argmax(cosines[::-1]))
        wanted = float(cosines[nearest])
        if wanted >= FLOOR:
            return _edited(said[nearest], wanted, prompt, embedder)
    return _new(prompt, said, embedder)


def _edited(donor: _Said, wanted: float, prompt: str, embedder: PromptEmbedder) -> _Said:
    """Return the caption that is as similar to ``donor``'s as was ``wanted``, of some."""
    options = []
    for number in range(CANDIDATES):
        rng = _chance(f"edit {number} {prompt}")
        scene = donor.scene
        # Candidates of one, two, three and four edits in turn.
        for _ in range(1 + number % 4):
            scene = edit(scene, EDITS[int(rng.integers(len(EDITS)))], rng)
        options.append(_said(scene, donor.tag, 0, embedder))
    # The same scene in other words, for prompts that differ by a word.
    options += [_said(donor.scene, donor.tag, wording, embedder) for wording in range(PHRASINGS)]
    different = [one for one in options if one.text != donor.text] or options
    return min(different, key=lambda one: abs(float(one.vector @ donor.vector) - wanted))


def _new(prompt: str, said: list[_Said], embedder: PromptEmbedder) -> _Said:
    """Return the caption of a new thread: of some, the one least like all earlier ones."""
    options = []
    words = _telling_words(prompt)
    for number in range(CANDIDATES // 2):
        scene = _plain(scene_of_text(prompt if not number else f"{number} {prompt}"))
        start = (number * TAG_WORDS) % max(1, len(words))
        tag = " ".join((words[start:] + words[:start])[:TAG_WORDS])
        options.append(_said(scene, tag, 0, embedder))
    if not said:
        return options[0]
    earlier = np.stack([one.vector for one in said])
    return min(options, key=lambda one: float((earlier @ one.vector).max()))


def _said(scene: Scene, tag: str, wording: int, embedder: PromptEmbedder) -> _Said:
    text = caption(scene, wording)
    if tag:
        text = f"{text}, {tag}"
    return _Said(scene=scene, tag=tag, text=text, vector=embedder.embed(text))


def _plain(scene: Scene) -> Scene:
    """Return the scene without sizes: a second figure can then join it by an edit."""
    return replace(scene, figures=tuple(replace(figure, size="") for figure in scene.figures))


def _telling_words(prompt: str) -> list[str]:
    """Return the words of a prompt that the shapes model does not know, the longest first."""
    words = dict.fromkeys(re.findall(r"[a-z]+", prompt.lower()))
    fit = [word for word in words if len(word) >= _LEAST_LETTERS and word not in VOCABULARY]
    return sorted(fit, key=lambda word: -len(word))


def _chance(text: str) -> np.random.Generator:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
