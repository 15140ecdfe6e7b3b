"""A trace's description as a table."""

from rich.table import Table

from chorus_sim.cli.console import wide_console
from chorus_traces.describe import Description
from chorus_traces.repetition import Repetition


def print_description(laws: Description) -> None:
    """Print what a trace is like, law by law."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in [*_traffic(laws), *_content(laws)]:
        table.add_row(*row)
    if laws.repetition is None:
        table.add_row("repetition", "unknown: the trace carries no embeddings")
    else:
        table.add_section()
        for row in _repetition(laws.repetition):
            table.add_row(*row)
    wide_console().print(table)


def _traffic(laws: Description) -> list[tuple[str, str]]:
    rows = [
        ("trace", laws.name),
        ("requests", f"{laws.requests:,} over {laws.span_s / 3600:.2f} h"),
        ("mean rate", _or_unknown(laws.requests_per_hour, "{:,.1f} per hour")),
        ("busiest hour", f"{laws.busiest_hour_requests:,} requests (hour {laws.busiest_hour})"),
        ("inter-arrival CV", _or_unknown(laws.inter_arrival_cv, "{:.2f}")),
        ("  within an hour", _or_unknown(laws.inter_arrival_cv_within_hour, "{:.2f}")),
        ("dispersion of counts", _pairs(laws.dispersion, "{} s: {:.1f}")),
    ]
    if laws.by_user is None:
        rows.append(("users", "unknown: the trace names none"))
    else:
        users = laws.by_user
        rows += [
            ("users, sessions", f"{users.users:,}, {users.sessions:,}"),
            (
                "session length",
                f"mean {users.mean_length:.2f}; " + _pairs(users.survival, "P(>={}) {:.3f}"),
            ),
            ("gap in a session", _or_unknown(users.gap_median_s, "median {:.0f} s")),
            ("most active users", f"1 % send {users.top_1:.0%}, 10 % send {users.top_10:.0%}"),
        ]
    return rows


def _content(laws: Description) -> list[tuple[str, str]]:
    return [
        ("words in a prompt", "p10/50/90/99 = " + "/".join(f"{word:.0f}" for word in laws.words)),
        ("exact repeats", f"{laws.repeats:.1%}"),
        ("pinned seeds", f"{laws.seeds:.1%}"),
        ("image or video input", f"{laws.conditioning:.1%}"),
        ("negative prompts", f"{laws.negative_prompts:.1%}"),
        ("tenants", _pairs(laws.tenants, "{}: {:.1%}")),
        ("sizes", _pairs(laws.sizes, "{}: {:.1%}")),
    ]


def _repetition(repetition: Repetition) -> list[tuple[str, str]]:
    rows = [
        ("embedded by", repetition.embedder or "unknown"),
        ("similar among last 100", _pairs(repetition.recent, "{}: {:.2f}")),
        ("similar among all earlier", _pairs(repetition.earlier, "{}: {:.2f}")),
        ("hits at .8", f"{repetition.hits:,} of {repetition.measured:,} requests measured"),
    ]
    if repetition.nearest_lags:
        rows.append(("lag of the nearest hit", _pairs(repetition.nearest_lags, "<={}: {:.0%}")))
    if repetition.own_session is not None:
        rows.append(("hits of the own session", f"{repetition.own_session:.0%}"))
    if repetition.thread_cosine:
        rows.append(("cosine k requests back", _pairs(repetition.thread_cosine, "{}: {:.2f}")))
    return rows


def _pairs(values: dict[int, float] | dict[float, float] | dict[str, float], form: str) -> str:
    return ", ".join(form.format(key, value) for key, value in values.items()) or "none"


def _or_unknown(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
