"""The same requests, simulated: arrivals as received, embeddings as logged, the same cache.

The model is the one behind every ``chorus-sim run``; nothing in it knows of the live run.
"""

import dataclasses

import msgspec
import numpy as np
import pyarrow as pa

from chorus_policies.cache import Cache
from chorus_policies.costs.profile import Profile
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.live.calls import repeat
from chorus_policies.live.record import records_table
from chorus_policies.policy import Policy
from chorus_sim.live.run import LiveRun
from chorus_sim.live.verdicts import LiveVerdicts
from chorus_sim.model import Model
from chorus_sim.workload import SPREAD_STAGES, FloatArray, Workload, make_workload
from chorus_traces.errors import ScenarioError
from chorus_traces.request import Request
from chorus_traces.trace import Trace


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated run: its records in order of arrival, and every call into its cache.

    Keys are those of the live run.
    """

    records: pa.Table
    journal: list[JournalRow]


class Replica:
    """Simulates the requests a live run served; each seed is another draw of stage times."""

    def __init__(self, run: LiveRun, profile: Profile, policy: Policy) -> None:
        self._run = run
        self._policy = policy
        self.requests = run.served
        vectors = [run.embedding_of(one) for one in self.requests]
        self._vectors = vectors
        self._trace = Trace(name=str(run.folder), requests=tuple(_shifted(self.requests)))
        #: Instant of the first arrival on the run's clock, which the simulation counts from.
        self.origin_s = self.requests[0].arrival_s
        self._spread = profile
        self._even = msgspec.structs.replace(
            profile,
            srd_cv=0.0,
            **{
                name: msgspec.structs.replace(getattr(profile, name), cv=0.0)
                for name in SPREAD_STAGES
            },
        )
        for tier in run.facts.tiers:
            profile.rate_of(tier.name)

    def expected(self) -> Predicted:
        """Return the run in which every stage takes its mean."""
        return self._predicted(self._even, seed=0)

    def drawn(self, seed: int) -> Predicted:
        """Return a run with stage times drawn from the profile's spread.

        The means are drawn too, from what their number of samples leaves open, and the machine's
        speed, from how it differed between runs.
        """
        return self._predicted(_uncertain(self._spread, seed), seed=seed)

    def informed(self, expected: pa.Table) -> Predicted:
        """Return the run in which every stage takes what it took live; ``expected`` is its records.

        What is wrong with it is wrong with the model, and not with the profile. What a worker does
        after its answer is put before it, so that the worker is held as long, and taken off the
        answer again.
        """
        measured = records_table([self._run.records[one.id] for one in self.requests])
        stages = {
            name: column(measured, f"{name}_s")
            for name in ("text_encode", "embed", "lookup", "vae_decode", "video_encode")
        }
        denoise = column(expected, "denoise_s")
        live = column(measured, "denoise_s")
        service = column(measured, "finish_s") - column(measured, "start_s")
        load = column(measured, "load_s")
        server = service - live - load - sum(stages.values())
        later = column(measured, "held_s") - service - column(expected, "store_s")
        later[column(measured, "worker") < 0] = 0.0
        workload = dataclasses.replace(
            self._workload(self._even, seed=0),
            text_encode=stages["text_encode"],
            embed=stages["embed"],
            lookup=stages["lookup"],
            spread=np.where(denoise > 0, live / np.where(denoise > 0, denoise, 1.0), 1.0),
            vae_decode=stages["vae_decode"],
            video_encode=stages["video_encode"],
            server=server + load - column(expected, "load_s") + later,
        )
        made = self._simulated(workload)
        finish = made.records.column_names.index("finish_s")
        answered = pa.array(column(made.records, "finish_s") - later)
        records = made.records.set_column(finish, made.records.schema.field(finish), answered)
        return Predicted(records=records, journal=made.journal)

    def _predicted(self, profile: Profile, seed: int) -> Predicted:
        return self._simulated(self._workload(profile, seed))

    def _simulated(self, workload: Workload) -> Predicted:
        facts = self._run.facts
        journal = Journal()
        cache = Cache(
            self._policy,
            facts.tiers,
            MatrixIndex(),
            journal,
            seed=facts.seed,
            ghost_index=MatrixIndex(),
        )
        repeat((call for call in self._run.calls if call.name in ("recall", "restore")), cache)
        verdicts = LiveVerdicts(self._run.calls, self.origin_s)
        served = Model(workload, facts.workers, cache, verdicts).run()
        ids = [one.id for one in self.requests]
        return Predicted(records=served.to_table(ids, workload, cached=True), journal=journal.rows)

    def _workload(self, profile: Profile, seed: int) -> Workload:
        facts = self._run.facts
        workload = make_workload(
            self._trace,
            ProfileBook.of(profile),
            facts.deployment,
            forced=False,
            seed=seed,
            tier=facts.tiers[0].name,
        )
        for place, query in enumerate(workload.queries):
            vector = self._vectors[place]
            if query.namespace is not None and vector is None:
                raise ScenarioError(
                    f"{self._run.folder}: request {self.requests[place].id!r} was served without "
                    "an embedding in calls.log; a whole log is needed"
                )
            workload.queries[place] = msgspec.structs.replace(
                query,
                # Entries that lay in the cache before have the keys below.
                sequence=self._run.key_of[self.requests[place].id],
                embedding=vector,
                # Finished videos lie outside the cache of a server.
                result_bytes=0,
            )
        return workload


def _uncertain(profile: Profile, seed: int) -> Profile:
    """Return the profile with each mean moved by a draw of its standard error, and all by drift."""
    chance = np.random.default_rng([seed, 1])

    def factor(variation: float, samples: int) -> float:
        error = variation / np.sqrt(samples) if samples else 0.0
        return max(0.0, 1 + error * float(chance.standard_normal()))

    speed = 1.0
    stages = {name: getattr(profile, name) for name in SPREAD_STAGES}
    factors = {name: factor(stage.cv, stage.samples) for name, stage in stages.items()}
    region = factor(profile.srd_cv, profile.srd_samples)
    if profile.drift_cv and profile.drift_runs > 1:
        # A new run, seen from a mean of few: Student's t.
        wide = profile.drift_cv * np.sqrt(1 + 1 / profile.drift_runs)
        speed = max(0.1, 1 + wide * float(chance.standard_t(profile.drift_runs - 1)))
    moved = {
        name: msgspec.structs.replace(stage, mean_s=stage.mean_s * factors[name] * speed)
        for name, stage in stages.items()
    }
    # An SRD step is what is left beside full steps, whose error it shares.
    scale = factors["full_step"] * region * speed
    curve = tuple(
        msgspec.structs.replace(point, mean_s=point.mean_s * scale) for point in profile.srd_step
    )
    return msgspec.structs.replace(profile, srd_step=curve, **moved)


def _shifted(requests: list[Request]) -> list[Request]:
    origin = requests[0].arrival_s
    return [msgspec.structs.replace(one, arrival_s=one.arrival_s - origin) for one in requests]


def column(table: pa.Table, name: str) -> FloatArray:
    """Return a column of records as floats, NaN where it is empty."""
    values: FloatArray = table[name].cast("float64").to_numpy()
    return values
