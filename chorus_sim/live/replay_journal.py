"""Make the calls of a live run again and compare what the cache answers, row by row.

The rows must be equal bit for bit. A process that was killed may leave the rows of its last call
half written; that is said, and is no difference.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import CALLS, CONSEQUENCES, Journal, JournalRow
from chorus_policies.live.call_log import read_calls
from chorus_policies.live.calls import Call, repeat
from chorus_policies.live.journal_file import read_journal
from chorus_policies.policy import Policy, load_policy
from chorus_sim.live.facts import LiveFacts, read_facts
from chorus_traces.errors import ChorusError, PolicyError

#: What the cache itself writes; every other row is a driver's.
CACHE_ROWS = frozenset(CALLS + CONSEQUENCES)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first row that differs; ``None`` stands for a row that is not there."""

    row: int
    call: int
    logged: JournalRow | None
    replayed: JournalRow | None
    error: str = ""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison came to. ``torn`` says what a killed writer left unfinished."""

    calls: int
    rows: int
    drivers_rows: int
    torn: str
    difference: Difference | None


def replay_journal(folder: Path, policy: str | None = None) -> Replayed:
    """Compare the journal in ``folder`` with the one its calls write now.

    ``policy`` is a preset or a file, by default the run's own. Raises ``ChorusError`` for a folder
    that is not whole.
    """
    facts = read_facts(folder)
    loaded = load_policy(policy or str(folder / "policy.toml"))
    rows = read_journal(folder / "journal.jsonl")
    return compare_rows(read_calls(folder / "calls.log"), rows, facts, loaded)


def compare_rows(
    calls: Iterable[Call], logged: Sequence[JournalRow], facts: LiveFacts, policy: Policy
) -> Replayed:
    """Compare ``logged`` with the rows that ``calls`` write on a new cache."""
    journal = Journal()
    cache = Cache(
        policy,
        facts.tiers,
        MatrixIndex(),
        journal,
        seed=facts.seed,
        ghost_index=MatrixIndex(),
    )
    wanted = [row for row in logged if row.call in CACHE_ROWS]
    place = made = 0
    difference: Difference | None = None
    torn = ""
    for call in calls:
        if torn:
            # Rows were missing at a call that was not the last: it was no torn end.
            difference = Difference(
                row=place, call=made - 1, logged=None, replayed=journal.rows[place]
            )
            break
        error = _made(call, cache)
        made += 1
        while place < min(len(journal.rows), len(wanted)):
            if journal.rows[place] != wanted[place]:
                break
            place += 1
        if place < len(journal.rows) and place >= len(wanted):
            torn = f"the journal ends before the rows of the last call ({call.name})"
        elif place < len(journal.rows) or error:
            difference = Difference(
                row=place,
                call=made - 1,
                logged=wanted[place] if place < len(wanted) else None,
                replayed=journal.rows[place] if place < len(journal.rows) else None,
                error=error,
            )
            break
    if difference is None and place < len(wanted):
        rest = wanted[place:]
        if len(rest) == 1 and rest[0].call in ("remove", "abandon"):
            # The cache writes their rows before the driver notes the calls.
            torn = f"the call log ends before the call of the last removal ({rest[0].call})"
        else:
            difference = Difference(row=place, call=made, logged=rest[0], replayed=None)
    return Replayed(
        calls=made,
        rows=place,
        drivers_rows=len(logged) - len(wanted),
        torn=torn if difference is None else "",
        difference=difference,
    )


def _made(call: Call, cache: Cache) -> str:
    """Make one call; return what the cache refused it for."""
    try:
        repeat((call,), cache)
    except (ChorusError, KeyError) as error:
        reason = str(error) if isinstance(error, PolicyError) else f"{type(error).__name__} {error}"
        return f"{call.name} was refused: {reason}"
    return ""
