"""Compose: the first prompt of a thread, of a wished length, new or on a popular theme."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from chorus_traces.synth.chance import Uniform, pick, steps_up, uniforms
from chorus_traces.synth.prompt import Prompt
from chorus_traces.synth.vocabulary import Vocabulary, vocabulary

_NORMAL = NormalDist().inv_cdf

_LEADS = ("a", "a", "a", "", "", "the", "video of a", "there is a", "one")
_STOPS = ("", "", "", "", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Makes first prompts; ``themes`` are heads many users come up with, most popular first.

    State: none beyond the uniform stream. Cost: about 10 us for a prompt of median length.
    """

    words: Vocabulary
    uniform: Uniform
    themes: tuple[Prompt, ...]
    theme_shares: tuple[float, ...]
    theme_share: float
    parameter_share: float
    median_words: float
    spread: float

    def __call__(self) -> Prompt:
        """Return a new prompt with its details, parameters and length drawn."""
        uniform = self.uniform
        if uniform() < self.theme_share:
            head = self.themes[bisect_right(self.theme_shares, uniform())]
            wished = self.wished_words()
        else:
            wished = self.wished_words()
            head = compose_head(self.words, uniform, wished)
        missing = wished - head.head().count(" ") - 1
        details: list[str] = []
        while missing > 0 and len(details) < 40:
            detail = self.detail(missing)
            if detail not in details:
                details.append(detail)
            missing -= detail.count(" ") + 1
        parameters = draw_parameters(uniform) if uniform() < self.parameter_share else ""
        stop = pick(_STOPS, uniform) if parameters == "" else ""
        return head._replace(details=tuple(details), parameters=parameters, stop=stop)

    def wished_words(self) -> int:
        """Return a length in words: log-normal, as published text-to-video prompts are."""
        drawn = self.median_words * math.exp(self.spread * _NORMAL(max(self.uniform(), 1e-9)))
        return min(max(round(drawn), 3), 150)

    def detail(self, missing: int) -> str:
        """Return one clause; long prompts get sentences and further subjects, short ones tags."""
        words, uniform = self.words, self.uniform
        draw = uniform()
        if missing >= 6 and draw < 0.45:
            if draw < 0.17:
                return pick(words.sentences, uniform)
            other = compose_head(words, uniform, 5 if missing < 12 else 9)
            return other.head()
        draw = uniform()
        if draw < 0.22:
            return pick(words.styles, uniform)
        if draw < 0.40:
            return pick(words.cameras, uniform)
        if draw < 0.56:
            return pick(words.lights, uniform)
        if draw < 0.76:
            return pick(words.qualities, uniform)
        return pick(words.backgrounds, uniform)


def compose_head(words: Vocabulary, uniform: Uniform, wished: int) -> Prompt:
    """Return subject, action, setting and attributes, as ``wished`` words leave room for them."""
    frame = words.frames[bisect_right(words.shares, uniform())]
    subject = pick(frame.subjects, uniform)
    left = wished - subject.count(" ") - 1
    lead = adjective = companion = action = setting = ""
    if left > 0 and uniform() < 0.6 and subject[0] != "~":
        lead = pick(_LEADS, uniform)
        left -= 1
    if left > 0 and frame.actions and uniform() < 0.85:
        action = pick(frame.actions, uniform)
        left -= action.count(" ") + 1
    if left > 0 and uniform() < 0.35:
        adjective = pick(words.adjectives, uniform)
        left -= 1
    if left > 1 and frame.placed and uniform() < 0.7:
        setting = pick(words.settings, uniform)
        left -= 3
    if left > 1 and frame.alive and uniform() < 0.35:
        companion = pick(words.companions, uniform)
    return Prompt(frame, lead, adjective, subject, companion, action, setting, (), "", "")


def draw_parameters(uniform: Uniform) -> str:
    """Return generation parameters as users of chat services write them into the prompt."""
    draw = uniform()
    if draw < 0.35:
        return f"-motion {1 + int(uniform() * 4)}"
    ratio = pick(("16:9", "16:9", "9:16", "1:1", "4:3"), uniform)
    if draw < 0.6:
        return f"-ar {ratio}"
    if draw < 0.85:
        return f"-ar {ratio} -motion {1 + int(uniform() * 4)}"
    if draw < 0.95:
        return f"-fps {pick((8, 16, 24), uniform)} -gs {8 + int(uniform() * 17)}"
    return f"-camera zoom {pick(('in', 'out'), uniform)} -motion {1 + int(uniform() * 4)}"


def make_composer(
    *,
    rng: np.random.Generator,
    theme_rng: np.random.Generator,
    themes: int,
    theme_exponent: float,
    theme_share: float,
    parameter_share: float,
    median_words: float,
    spread: float,
) -> Composer:
    """Return a composer whose ``themes`` heads follow Zipf's law with ``theme_exponent``."""
    words = vocabulary()
    theme_uniform = uniforms(theme_rng)
    heads = tuple(
        compose_head(words, theme_uniform, 4 + int(theme_uniform() * 8)) for _ in range(themes)
    )
    return Composer(
        words=words,
        uniform=uniforms(rng),
        themes=heads,
        theme_shares=steps_up([rank**-theme_exponent for rank in range(1, themes + 1)]),
        theme_share=theme_share,
        parameter_share=parameter_share,
        median_words=median_words,
        spread=spread,
    )
