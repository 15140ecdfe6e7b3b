"""What the compiled loop answered, as arrays: the same facts as ``Served``, without objects."""

from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chorus_policies.plan import PLAN_KINDS, Copy, Fresh, Plan, kind_of
from chorus_policies.similarity import QUANTA
from chorus_sim.compiled.answers import Answers
from chorus_sim.compiled.options import Options
from chorus_sim.served import records_table
from chorus_sim.workload import Workload
from chorus_traces.errors import EngineError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ServedColumns:
    """Columns over the requests of a run, in arrival order; times in seconds of the run.

    Plans become objects where somebody asks for ``plan``. Raises ``EngineError`` if a request was
    not served.
    """

    def __init__(
        self,
        answers: Answers,
        class_of: npt.NDArray[np.int32],
        options: Options,
        plans: list[list[Plan]],
    ) -> None:
        unserved = int(np.isnan(answers.start).sum())
        if unserved:
            raise EngineError(
                f"{unserved} of {len(class_of)} requests were not served; each must be, once"
            )
        self.arrival: FloatArray = answers.arrival
        self.start: FloatArray = answers.start
        self.finish: FloatArray = answers.finish
        self.held: FloatArray = answers.held
        self.worker = answers.worker
        self.load_s: FloatArray = answers.load_s
        self.denoise_s: FloatArray = answers.denoise_s
        self.store_s: FloatArray = options.store_s[class_of, answers.option]
        self.load_bytes: IntArray = options.load_bytes[class_of, answers.option]
        self.store_bytes: IntArray = options.store_bytes[class_of, answers.option]
        self._answers = answers
        self._class_of = class_of
        self._plans = plans

    @cached_property
    def plan(self) -> list[Plan]:
        """Each request's plan."""
        columns = (self._class_of, self._answers.option, self._answers.donor, self._answers.quanta)
        return [
            _plan(self._plans[class_][option], donor, quanta)
            for class_, option, donor, quanta in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def kinds(self) -> list[str]:
        """Return the plan's kind of each request."""
        return [PLAN_KINDS[code] for code in self.kind_codes().tolist()]

    def kind_codes(self) -> IntArray:
        """Return the place in ``PLAN_KINDS`` of each request's kind."""
        table = np.zeros((len(self._plans), max(map(len, self._plans))), np.int64)
        for class_, listed in enumerate(self._plans):
            table[class_, : len(listed)] = [PLAN_KINDS.index(kind_of(plan)) for plan in listed]
        codes: IntArray = table[self._class_of, self._answers.option]
        return codes

    def miss_reasons(self, cut: int) -> dict[str, int]:
        """Return how many requests from ``cut`` on were computed in full, by reason."""
        widest = max(map(len, self._plans))
        places = self._class_of[cut:].astype(np.int64) * widest + self._answers.option[cut:]
        reasons: dict[str, int] = {}
        for place, count in enumerate(np.bincount(places).tolist()):
            plan = self._plans[place // widest][place % widest] if count else None
            if isinstance(plan, Fresh):
                reasons[plan.reason] = reasons.get(plan.reason, 0) + count
        return reasons

    def to_table(self, ids: list[str], workload: Workload, *, cached: bool) -> pa.Table:
        """Return the records: one row per request, the schema simulator and runtime share."""
        return records_table(self, ids, workload, cached=cached)


def _plan(listed: Plan, donor: int, quanta: int) -> Plan:
    """Return the listed plan with its donor filled in."""
    if isinstance(listed, Fresh):
        return listed
    if isinstance(listed, Copy):
        return Copy(donor=donor)
    return msgspec.structs.replace(listed, donor=donor, similarity=quanta / QUANTA)
