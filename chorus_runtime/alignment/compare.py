"""What differs between two prompts: a diff on words, weighed by how new each word is.

Neither alone is right. Contextual states see nothing in swapped roles ("a cat next to a dog", "a
dog next to a cat"); a diff sees a moved clause as new. Together: the words the diff calls new, in
proportion to their novelty, with a floor for words that swapped places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Protocol

from chorus_runtime.alignment.novelty import Embedder, word_novelty
from chorus_runtime.alignment.swaps import swapped_words
from chorus_runtime.alignment.words import STOP_WORDS, Word, split_words

#: A word at least this new is emphasised in full. Lower: reworded words are amplified as well.
FULL_NOVELTY = 0.5

#: Emphasis of words that swapped roles, which novelty cannot see. Higher: roles change sooner and
#: unchanged looks drift.
SWAP_EMPHASIS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Emphasis:
    """A stretch of the new prompt, ``prompt[start:end]``, and how much it matters, in [0, 1]."""

    start: int
    end: int
    strength: float


class Comparer(Protocol):
    """Says what is new in a prompt. A language model plugs in here."""

    def compare(self, new: str, old: str) -> tuple[Emphasis, ...]:
        """Return what in ``new`` differs from ``old``, in order; nothing for equal prompts."""


class DiffComparer:
    """Compares by difflib and contextual novelty; without an embedder, by the words alone."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder

    def compare(self, new: str, old: str) -> tuple[Emphasis, ...]:
        """Return the new words of ``new`` with their emphasis, stop words left out."""
        new_words, old_words = split_words(new), split_words(old)
        texts = [word.text for word in new_words], [word.text for word in old_words]
        if texts[0] == texts[1]:
            return ()
        changed, swapped = _new_words(*texts), swapped_words(*texts)
        novelty = self._novelty(new, new_words, old, old_words)
        emphases = []
        for number, word in enumerate(new_words):
            strength = 0.0
            if number in changed and word.text not in STOP_WORDS:
                strength = min(1.0, novelty[number] / FULL_NOVELTY)
            if word.text in swapped:
                strength = max(strength, SWAP_EMPHASIS)
            if strength > 0:
                emphases.append(Emphasis(start=word.start, end=word.end, strength=strength))
        return tuple(emphases)

    def _novelty(
        self, new: str, new_words: Sequence[Word], old: str, old_words: Sequence[Word]
    ) -> list[float]:
        if self._embedder is None:
            known = {word.text for word in old_words}
            return [float(word.text not in known) for word in new_words]
        encoded, other = self._embedder.encode(new), self._embedder.encode(old)
        return word_novelty(new_words, encoded, old_words, other)


def _new_words(new: Sequence[str], old: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the words that a diff inserts or puts in place of others."""
    opcodes = SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
    return frozenset(
        number
        for kind, _, _, first, end in opcodes
        if kind in ("replace", "insert")
        for number in range(first, end)
    )
