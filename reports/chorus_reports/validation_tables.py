"""The tables of a validation report."""

from typing import Any

from chorus_reports.document import Table
from chorus_reports.validation_quantities import seconds, share_of, signed

_TIMES = {"response": "response", "waiting": "waiting", "service": "service"}

#: Decisions listed in the report; the rest is in ``validation.json``.
_MOST_LISTED = 40


def times_table(found: dict[str, Any]) -> Table:
    """Return times over the workload."""
    rows: list[tuple[str, ...]] = []
    for time, name in _TIMES.items():
        rows.append((f"{name} time",))
        for figure, row in found["times"][time]["workload"].items():
            low, high = row["interval"]
            rows.append(
                (
                    figure,
                    seconds(row["predicted"]),
                    seconds(row["measured"]),
                    signed(row["error"]),
                    f"{seconds(low)} to {seconds(high)}",
                    "yes" if row["inside"] else "no",
                )
            )
    columns = ("", "predicted", "measured", "error", "interval", "inside")
    return Table(columns=columns, rows=tuple(rows))


def request_table(found: dict[str, Any]) -> Table:
    """Return errors of single requests."""
    rows = []
    for time, name in _TIMES.items():
        row = found["times"][time]["by_request"]
        rows.append(
            (
                name,
                share_of(row["mape"]),
                share_of(row["median_ape"]),
                signed(row["bias"]),
                seconds(row["mean_error_s"]),
            )
        )
    columns = ("", "MAPE", "median error", "bias", "mean signed error")
    return Table(columns=columns, rows=tuple(rows))


def stage_table(found: dict[str, Any]) -> Table:
    """Return every stage."""
    rows = []
    for row in found["stages"]:
        mean, p95 = row["workload"]["mean"], row["workload"]["p95"]
        rows.append(
            (
                row["stage"].replace("_", " "),
                seconds(mean["predicted"]),
                seconds(mean["measured"]),
                signed(mean["error"]),
                signed(row["error_of_service"]),
                seconds(p95["measured"]),
                share_of(row["by_request"]["mape"]),
            )
        )
    return Table(
        caption="Stages of the requests that both sides computed",
        columns=(
            "",
            "predicted",
            "measured",
            "error",
            "of service",
            "measured p95",
            "MAPE",
        ),
        rows=tuple(rows),
        note=(
            "server: before the answer and in no stage; after: what the worker does after the "
            "answer, storing included. The prediction of single requests takes the mean of each "
            "stage."
        ),
    )


def kind_table(found: dict[str, Any]) -> Table:
    """Return service and denoising by kind."""
    rows = []
    for kind, row in found["by_kind"].items():
        shares = row.get("active_share")
        rows.append(
            (
                kind,
                str(row["requests"]),
                *(
                    f"{seconds(row[name]['predicted'])} / {seconds(row[name]['measured'])} "
                    f"({signed(row[name]['error'])})"
                    for name in ("service", "denoise")
                ),
                "" if shares is None else f"{shares['predicted']:.2f} / {shares['measured']:.2f}",
            )
        )
    return Table(
        caption="By kind, predicted / measured",
        columns=("", "requests", "service", "denoising", "active share"),
        rows=tuple(rows),
    )


def decision_tables(found: dict[str, Any]) -> tuple[Table, ...]:
    """Return kinds, causes, and each decision that differs."""
    kinds, decisions = found["kinds"], found["decisions"]
    names = [
        name for name in kinds["confusion"] if kinds["predicted"][name] or kinds["measured"][name]
    ]
    confusion = Table(
        caption="Kinds: predicted in rows, measured in columns",
        columns=("", *names),
        rows=tuple(
            (name, *(str(kinds["confusion"][name][other]) for other in names)) for name in names
        ),
    )
    if not decisions["differ"]:
        return (confusion,)
    causes = Table(
        caption=f"Why {decisions['differ']} decisions differ",
        columns=("cause", "decisions", "meaning"),
        rows=tuple(
            (cause, str(number), decisions["meaning"][cause])
            for cause, number in decisions["causes"].items()
        ),
        words=True,
    )
    listed = decisions["list"][:_MOST_LISTED]
    rest = decisions["differ"] - len(listed)
    each = Table(
        caption="Each of them",
        columns=("request", "predicted", "measured", "cause", "detail"),
        rows=tuple(
            (
                one["id"],
                _decided(one["predicted"]),
                _decided(one["measured"]),
                one["cause"],
                one["detail"],
            )
            for one in listed
        ),
        words=True,
        note=f"{rest} more are in validation.json." if rest else "",
    )
    return (confusion, causes, each)


def _decided(one: dict[str, Any]) -> str:
    if one["donor"] is None:
        return str(one["kind"])
    return f"{one['kind']} from {one['donor']} ({one['similarity']:.4f}, {one['k1']}-{one['k2']})"
