"""The kind of a folder: which of our commands wrote it, told by its files, and its report."""

from collections.abc import Callable
from pathlib import Path

from chorus_traces.errors import ScenarioError

#: Files that a folder of each kind holds, the telling one first. The first kind whose files are all
#: there is the folder's.
KINDS: dict[str, tuple[str, ...]] = {
    "run": ("summary.json", "scenario.toml", "requests.parquet", "journal.parquet"),
    "plan": ("plan.json",),
    "comparison": ("comparison.json",),
    "sweep": ("study.json", "results.parquet"),
    "validation": ("validation.json",),
}

_WANTED = "name a folder that run, compare, sweep, plan or validate left"


def kind_of_folder(folder: Path) -> str:
    """Return the kind of ``folder``, a key of ``KINDS``.

    Raises ``ScenarioError`` for a folder that is missing, half-written, or not one of ours.
    """
    if not folder.is_dir():
        state = "a file" if folder.exists() else "no such folder"
        raise ScenarioError(f"{folder}: {state}; {_WANTED}")
    for kind, names in KINDS.items():
        if all((folder / name).is_file() for name in names):
            return kind
    for kind, names in KINDS.items():
        missing = [name for name in names if not (folder / name).is_file()]
        if names[0] not in missing:
            raise ScenarioError(
                f"{folder}: a half-written {kind}: {', '.join(missing)} is missing; carry it out "
                "again"
            )
    known = ", ".join(names[0] for names in KINDS.values())
    raise ScenarioError(f"{folder}: none of {known} is in it; {_WANTED}")


def report_of_kind(kind: str) -> Callable[[Path], None]:
    """Return what writes the report of a folder of ``kind``, over an earlier one."""
    if kind == "run":
        from chorus_reports.run_report import write_report

        return write_report
    if kind == "plan":
        from chorus_reports.plan_report import write_plan_report

        return write_plan_report
    if kind == "comparison":
        from chorus_reports.comparison_report import write_comparison

        return write_comparison
    if kind == "validation":
        from chorus_reports.validation_report import write_validation

        return write_validation
    from chorus_reports.sweep_report import write_sweep

    return write_sweep
