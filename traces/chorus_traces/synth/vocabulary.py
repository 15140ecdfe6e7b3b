"""Vocabulary: the word lists prompts are made of, one phrase a line in ``words/``."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a prompt is about: its subjects, what they do, and whether a setting fits.

    A subject that starts with ``~`` is plural or uncountable and takes no article.
    """

    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    placed: bool
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every list of the grammar; ``shares`` holds the cumulative popularity of ``frames``."""

    frames: tuple[Frame, ...]
    shares: tuple[float, ...]
    settings: tuple[str, ...]
    adjectives: tuple[str, ...]
    companions: tuple[str, ...]
    backgrounds: tuple[str, ...]
    sentences: tuple[str, ...]
    lights: tuple[str, ...]
    cameras: tuple[str, ...]
    styles: tuple[str, ...]
    qualities: tuple[str, ...]
    negatives: tuple[str, ...]


def _words(name: str) -> tuple[str, ...]:
    path = files("chorus_traces.synth") / "words" / f"{name}.txt"
    return tuple(path.read_text(encoding="utf-8").split("\n")[:-1])


# (subjects, actions, takes a setting, takes a companion, share). People and animals lead in
# published text-to-video prompts; the rest keeps the tail of rare topics wide.
_FRAMES = (
    ("people", "people_actions", True, True, 30.0),
    ("animals", "animal_actions", True, True, 18.0),
    ("machines", "machine_actions", True, False, 8.0),
    ("nature", "nature_actions", False, False, 8.0),
    ("objects", "object_actions", True, False, 9.0),
    ("food", "food_actions", False, False, 5.0),
    ("fantasy", "fantasy_actions", True, True, 9.0),
    ("places", "place_actions", False, False, 6.0),
    ("abstract", "", False, False, 4.0),
    ("science", "", False, False, 3.0),
)


@cache
def vocabulary() -> Vocabulary:
    """Return the shipped vocabulary, read once."""
    total = sum(row[4] for row in _FRAMES)
    shares: list[float] = []
    for row in _FRAMES:
        shares.append((shares[-1] if shares else 0.0) + row[4] / total)
    return Vocabulary(
        frames=tuple(
            Frame(
                subjects=_words(subjects),
                actions=_words(actions) if actions else (),
                placed=placed,
                alive=alive,
            )
            for subjects, actions, placed, alive, _ in _FRAMES
        ),
        shares=tuple(shares),
        settings=_words("settings"),
        adjectives=_words("adjectives"),
        companions=_words("companions"),
        backgrounds=_words("backgrounds"),
        sentences=_words("sentences"),
        lights=_words("lights"),
        cameras=_words("cameras"),
        styles=_words("styles"),
        qualities=_words("qualities"),
        negatives=_words("negatives"),
    )
