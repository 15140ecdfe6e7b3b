"""Words that swapped roles: "a cat next to a dog", "a dog next to a cat".

No measure of novelty sees them, because every word is known. A moved clause ("on the moon, an
astronaut ...") is no swap: it takes its preposition along.
"""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from chorus_runtime.alignment.words import STOP_WORDS

_ARTICLES = frozenset(("a", "an", "the"))

#: Words of place: they carry edits, so they are no stop words, but they also part two phrases.
_PLACES = frozenset(
    """
    above across against around before behind below beneath beside between near over past toward
    towards under underneath
    """.split()  # noqa: SIM905 - words read better than a column of literals
)

_Phrase = tuple[str, ...]


def swapped_words(new: Sequence[str], old: Sequence[str]) -> frozenset[str]:
    """Return the content words that stand in each other's place, or behind each other's words."""
    return _replaced_by_each_other(new, old) | _behind_each_others_words(new, old)


def _replaced_by_each_other(new: Sequence[str], old: Sequence[str]) -> frozenset[str]:
    """Return the words that stand where the other prompt has a word that stands in their place.

    Prompts of equally many content words are compared place by place, others by the diff.
    """
    before, after = _content(old), _content(new)
    pairs: set[tuple[_Phrase, _Phrase]]
    if len(before) == len(after):
        pairs = {((was,), (now,)) for was, now in zip(before, after, strict=True)}
    else:
        opcodes = SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
        pairs = {
            (_content(old[old_from:old_to]), _content(new[new_from:new_to]))
            for kind, old_from, old_to, new_from, new_to in opcodes
            if kind == "replace"
        }
    mutual = [now for was, now in pairs if was and now and was != now and (now, was) in pairs]
    return frozenset(word for phrase in mutual for word in phrase)


def _behind_each_others_words(new: Sequence[str], old: Sequence[str]) -> frozenset[str]:
    """Return the words whose prepositions were exchanged."""
    before, after = _roles(old), _roles(new)
    moves = {
        word: (before[word], role)
        for word, role in after.items()
        if word in before and before[word] != role
    }
    made = set(moves.values())
    return frozenset(word for word, (was, role) in moves.items() if (role, was) in made)


def _roles(words: Sequence[str]) -> dict[str, _Phrase]:
    """Return, for each content word that occurs once, the function words before its phrase."""
    roles: dict[str, _Phrase] = {}
    role: tuple[str, ...] = ()
    in_phrase = False
    for word in words:
        if word in STOP_WORDS or word in _PLACES:
            role = () if in_phrase else role
            role = role if word in _ARTICLES else (*role, word)
            in_phrase = False
        else:
            roles[word] = role
            in_phrase = True
    counts = Counter(words)
    return {word: role for word, role in roles.items() if counts[word] == 1}


def _content(words: Sequence[str]) -> _Phrase:
    return tuple(word for word in words if word not in STOP_WORDS)
