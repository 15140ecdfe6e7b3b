"""An operator's order to drop entries: by tenant, prompt, model or age."""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from chorus_runtime.clock import epoch_s
from chorus_runtime.server.refusal import bad
from chorus_runtime.service import Chorus
from chorus_runtime.store.kept import KeptFacts

#: What is told of a pattern that is refused: some quote it, and it may be long.
_MOST_TOLD = 200


class Invalidation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries to drop: those that match all that is stated.

    ``prompt`` is a regular expression of RE2, searched for regardless of case.
    """

    tenant: str | None = None
    prompt: str | None = None
    model: str | None = None
    older_than_s: float | None = None


def read_invalidation(body: bytes) -> Invalidation:
    """Return what a request's body states. Raises ``Refusal`` for one that says nothing."""
    try:
        wanted = msgspec.json.decode(body, type=Invalidation)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise bad(f"not an invalidation: {error}", "invalid_json") from error
    if wanted == Invalidation():
        raise bad("nothing is stated; tenant, prompt, model or older_than_s is needed")
    return wanted


def invalidate(chorus: Chorus, wanted: Invalidation) -> int:
    """Drop the entries there are that match; return how many.

    Raises ``Refusal`` for a prompt that is no regular expression.
    """
    now = epoch_s()
    prompts = None if wanted.prompt is None else _found(wanted.prompt, chorus.prompts())

    def matches(facts: KeptFacts) -> bool:
        return (
            wanted.tenant in (None, facts.tenant)
            and wanted.model in (None, facts.model)
            and (wanted.older_than_s is None or now - facts.born_s > wanted.older_than_s)
            and (prompts is None or facts.prompt in prompts)
        )

    return chorus.drop(matches, "invalidated")


def _found(pattern: str, prompts: set[str]) -> set[str]:
    """Return the prompts in which ``pattern`` is found.

    RE2 takes time in proportion to the text whatever the pattern, and other threads run meanwhile.
    Python's own ``re`` can take longer than the world has, and stops them all.
    """
    # A pattern is looked at where there is a text to search, and refused even if there is no entry.
    texts = ["", *prompts]
    try:
        found = pc.match_substring_regex(
            pa.array(texts, pa.large_string()), pattern, ignore_case=True
        )
    except pa.ArrowInvalid as error:
        why = str(error).removeprefix("Invalid regular expression: ")[:_MOST_TOLD]
        raise bad(f"prompt is not a regular expression as RE2 reads it: {why}") from error
    return {text for text, is_found in zip(texts, found.to_pylist(), strict=True) if is_found}
