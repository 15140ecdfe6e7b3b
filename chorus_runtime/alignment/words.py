"""Words of a prompt with their places, and the words that never carry an edit by themselves."""

import re
from dataclasses import dataclass

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")

#: Words past this one are not compared: a text encoder reads at most 512 tokens.
MOST_WORDS = 512

_FUNCTION_WORDS = """
    a about after along also although am among an and any are as at be because been before being
    but by can could did do does doing during each either for from further had has have having he
    her here hers him his how i if in into is it its itself just me my nor of on once only onto or
    other our own same she should so some such than that the their them then there these they this
    those through to too until upon us very was we were what when where which while who whom whose
    why will with within would you your
"""

#: Function words of English. Their contextual states change with their neighbours, so a changed
#: "during" would otherwise be amplified like a changed noun. Words of place and direction that an
#: edit can turn on ("up", "down", "over", "away") are not among them.
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word in lower case, and where it stands: ``prompt[start:end]``."""

    text: str
    start: int
    end: int


def split_words(prompt: str) -> tuple[Word, ...]:
    """Return the words of a prompt in order, at most ``MOST_WORDS``; none for an empty prompt."""
    words = []
    for match in _WORD.finditer(prompt):
        words.append(Word(text=match.group().casefold(), start=match.start(), end=match.end()))
        if len(words) == MOST_WORDS:
            break
    return tuple(words)
