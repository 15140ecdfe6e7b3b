"""The tables ``validate`` prints."""

from typing import Any

from rich import box
from rich.table import Table

from chorus_sim.cli.console import wide_console


def print_validation(found: dict[str, Any]) -> None:
    """Print times, stages, kinds and the verdict."""
    console = wide_console()
    run = found["run"]
    beside = (
        f", {run['others']} that this replay did not send served in both" if run["others"] else ""
    )
    console.print(
        f"{run['compared']} requests compared ({run['warm_up']} warm-up{beside}), utilisation "
        f"{run['utilisation']:.0%} measured, {run['utilisation_predicted']:.0%} predicted; policy "
        f"{found['policy']['name']}; profile {found['profile']['name']} "
        f"({found['profile']['source']}, {found['profile']['date']})"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "predicted", "measured", "error", "interval of the prediction"):
        table.add_column(name, justify="left" if not name else "right")
    for time, rows in found["times"].items():
        for figure, row in rows["workload"].items():
            low, high = row["interval"]
            table.add_row(
                f"{time} {figure}",
                _ms(row["predicted"]),
                _ms(row["measured"]),
                _share(row["error"]),
                f"{_ms(low)} to {_ms(high)}{'' if row['inside'] else ' (outside)'}",
            )
        table.add_section()
    for row in found["stages"]:
        mean = row["workload"]["mean"]
        table.add_row(
            row["stage"].replace("_", " "),
            _ms(mean["predicted"]),
            _ms(mean["measured"]),
            _share(mean["error"]),
            f"{row['error_of_service']:+.2%} of service",
        )
    console.print(table)
    told = found["given_stages"]["workload"]
    console.print(
        "told the measured stage times, the model errs by "
        f"{_share(told['mean']['error'])} (mean) and {_share(told['p95']['error'])} (p95); service "
        "error by quarter of the run: " + ", ".join(_share(one["error"]) for one in found["drift"])
    )
    kinds, decisions = found["kinds"], found["decisions"]
    console.print(
        f"kinds equal on {kinds['equal']:.1%}; {decisions['differ']} decisions differ "
        f"{decisions['causes'] or ''}"
    )
    journal = found["journal"]
    console.print(
        f"journal replay: {journal['rows']:,} rows {'equal' if journal['equal'] else 'DIFFER'}"
    )
    for name, row in found["verdict"].items():
        if name == "kinds":
            said = f"{row['equal']:.1%} equal, target {row['target']:.0%}"
        else:
            inside = "inside" if row["inside_interval"] else "outside"
            said = f"{_share(row['error'])}, target {row['target']:.0%}, {inside} the interval"
        console.print(f"{'met' if row['met'] else 'MISSED':8}{name}: {said}")


def _ms(value: float) -> str:
    return f"{1e3 * value:,.1f} ms" if abs(value) < 10 else f"{value:,.2f} s"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"
