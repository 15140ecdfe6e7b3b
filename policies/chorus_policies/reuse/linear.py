"""Reuse that rises linearly with similarity: skip few steps at the threshold, most at a copy.

The share skipped is least + (most - least) x (s - tau) / (1 - tau), in whole steps. Paper: none;
the rule of a pull request for vLLM-Omni (4937), with its numbers. State: none. Cost per call: the
neighbours read, one in nearly every case. Left out: SRD, so entries need no step latents; the
pull request's penalty on the similarity, which is not described.
"""

from collections.abc import Iterable

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Fresh, Plan, Resume
from chorus_policies.reuse.gates import check_lexical, pays, words_differ


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The line, in shares of the denoising steps, and the gates of ``bands``.

    A lower ``similarity`` finds more donors and worse ones. A larger ``most`` saves more and lets
    the donor decide more of the picture. With ``lexical = "early"`` a donor whose words differ is
    used for ``least``.
    """

    similarity: float = 0.75
    least: float = 0.125
    most: float = 0.5
    lexical: str = "off"
    break_even: bool = False

    def __post_init__(self) -> None:
        check_lexical(self.lexical)
        if not 0 < self.similarity < 1:
            raise ValueError(f"similarity is {self.similarity}; a number in (0, 1) is needed")
        if not 0 <= self.least <= self.most < 1:
            raise ValueError(
                f"least is {self.least} and most {self.most}; 0 <= least <= most < 1 is needed"
            )


class Linear:
    """Plans full reuse of the nearest donor that may be used."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._config = config

    def floor(self) -> float:
        """Return the threshold."""
        return self._config.similarity

    def span(self, steps: int) -> tuple[int, int]:
        """Return an empty range: full reuse needs the final latent alone."""
        return (1, 0)

    def plan(self, query: Query, neighbours: Iterable[tuple[Entry, float]], now: float) -> Plan:
        """Return the plan of the donor that saves most; the nearest, unless its words differ."""
        config = self._config
        best: Resume | None = None
        differing = False
        for entry, similarity in neighbours:
            k1 = self._steps(similarity, query.steps)
            if best is not None and best.k1 >= k1:
                break
            reason = "linear in similarity"
            if config.lexical != "off" and words_differ(query, entry):
                differing = True
                if config.lexical == "reject":
                    continue
                k1, reason = self._steps(config.similarity, query.steps), "words differ"
            if k1 > (best.k1 if best else 0) and entry.resumes_at(k1):
                best = Resume(donor=entry.key, similarity=similarity, k1=k1, reason=reason)
        if best is None:
            return _WORDS_DIFFER if differing else _NO_NEIGHBOUR
        return best if not config.break_even or pays(best, query) else _DOES_NOT_PAY

    def _steps(self, similarity: float, steps: int) -> int:
        config = self._config
        place = (similarity - config.similarity) / (1 - config.similarity)
        return int((config.least + (config.most - config.least) * place) * steps + 1e-9)


_NO_NEIGHBOUR = Fresh(reason="no neighbour saves a step")
_WORDS_DIFFER = Fresh(reason="words differ")
_DOES_NOT_PAY = Fresh(reason="reuse costs more than it saves")
