"""How many words differ between two prompts: what the quality of reuse is looked up by."""

import re
from difflib import SequenceMatcher

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


def differing_words(new: str, old: str) -> int:
    """Return the words that must change to get from ``old`` to ``new``.

    A stretch of words that replaces another counts as long as the longer of the two. Case and
    punctuation do not count. Cost: about 0.1 ms for prompts of twenty words.
    """
    before, after = _words(old), _words(new)
    opcodes = SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
    return sum(
        max(old_end - old_start, new_end - new_start)
        for kind, old_start, old_end, new_start, new_end in opcodes
        if kind != "equal"
    )


def _words(prompt: str) -> list[str]:
    return _WORD.findall(prompt.casefold())
