"""The numbers Prometheus reads, in a registry of the app's own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chorus_policies.live.record import STAGES, Record
from chorus_policies.plan import PLAN_KINDS
from chorus_runtime.server.desk import Desk
from chorus_runtime.server.far.health import HandsHealth
from chorus_runtime.server.workers import Bench

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """Histograms of every answer; counts and gauges are read when they are asked for."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Now(desk, bench))
        self._response = self._histogram("response", "Arrival to answer", "kind")
        self._waiting = self._histogram("waiting", "Arrival to start", "kind")
        self._stage = self._histogram("stage", "A stage of serving", "stage")
        bench.tally.watch = self.seen

    def seen(self, record: Record) -> None:
        """Count one record."""
        self._response.labels(record.kind).observe(record.finish_s - record.arrival_s)
        self._waiting.labels(record.kind).observe(record.start_s - record.arrival_s)
        for stage in STAGES:
            seconds = getattr(record, f"{stage}_s")
            if seconds:
                self._stage.labels(stage).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, what: str, label: str) -> Histogram:
        return Histogram(
            f"chorus_{name}_seconds",
            f"{what}, in seconds.",
            [label],
            buckets=_SECONDS,
            registry=self._registry,
        )


class _Now(Collector):
    """Reads counts and gauges off the server."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk = desk
        self._bench = bench

    def collect(self) -> Iterator[Metric]:
        tally, workers = self._bench.tally, self._desk.workers
        answers = CounterMetricFamily("chorus_answers", "Videos made, by kind.", labels=["kind"])
        for kind in PLAN_KINDS:
            answers.add_metric([kind], tally.kinds[kind])
        yield answers
        failures = CounterMetricFamily("chorus_failures", "Jobs without a video.", labels=["code"])
        for code, number in dict(tally.failures).items():
            failures.add_metric([code], number)
        yield failures
        judged = CounterMetricFamily(
            "chorus_judged", "Videos judged by clients.", labels=["kind", "verdict"]
        )
        for kind in PLAN_KINDS:
            for acceptable, verdict in ((True, "acceptable"), (False, "not_acceptable")):
                judged.add_metric([kind, verdict], tally.verdicts[kind, acceptable])
        yield judged
        state = self._bench.chorus.state()
        yield CounterMetricFamily(
            "chorus_saved_seconds", "GPU-seconds saved, estimated.", value=tally.saved_s
        )
        yield CounterMetricFamily("chorus_evictions", "Entries evicted.", value=state.evictions)
        yield CounterMetricFamily(
            "chorus_evicted_bytes", "Bytes evicted and trimmed.", value=state.evicted_bytes
        )
        yield GaugeMetricFamily("chorus_entries", "Resident entries.", value=state.entries)
        for what in ("occupied", "capacity"):
            gauge = GaugeMetricFamily(
                f"chorus_{what}_bytes", f"Bytes of a tier: {what}.", labels=["tier"]
            )
            for tier in state.tiers:
                gauge.add_metric([tier.name], getattr(tier, f"{what}_bytes"))
            yield gauge
        yield GaugeMetricFamily("chorus_waiting", "Jobs nobody serves yet.", value=workers.waiting)
        yield GaugeMetricFamily("chorus_running", "Jobs being served.", value=len(workers.running))
        silent = GaugeMetricFamily(
            "chorus_worker_silent_seconds",
            "Seconds since the last sign of a worker at work, 0 for an idle one.",
            labels=["worker"],
        )
        for worker in range(workers.number):
            silent.add_metric([str(worker)], workers.signs.silent_s(worker))
        yield silent
        if self._bench.hands is not None:
            yield from _hands(self._bench.hands())
        yield GaugeMetricFamily(
            "chorus_store_whole",
            "0 once another server has taken the shared store over and nothing is written there.",
            value=float(not self._bench.chorus.store.trouble),
        )
        log = self._bench.log
        yield GaugeMetricFamily(
            "chorus_log_whole",
            "1 while every call is in the log; 0 without a log or after it failed.",
            value=float(log is not None and not log.trouble),
        )


def _hands(health: HandsHealth) -> Iterator[Metric]:
    """Yield how workers elsewhere are."""
    here = GaugeMetricFamily("chorus_hands", "Workers elsewhere.", labels=["state"])
    here.add_metric(["here"], health.here)
    here.add_metric(["away"], health.away)
    yield here
    lost = CounterMetricFamily(
        "chorus_hands_lost", "Workers elsewhere that were started anew.", labels=["reason"]
    )
    lost.add_metric(["died"], health.died)
    lost.add_metric(["hung"], health.hung)
    yield lost
    silent = GaugeMetricFamily(
        "chorus_hand_silent_seconds",
        "Seconds since a worker elsewhere was heard of, 0 for one that is away.",
        labels=["hand"],
    )
    for place, seconds in enumerate(health.silent_s):
        silent.add_metric([str(place)], seconds)
    yield silent
