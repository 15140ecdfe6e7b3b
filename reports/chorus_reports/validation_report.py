"""The validation report: a live run beside its prediction, with stages beside the whole."""

import json
from pathlib import Path
from typing import Any

from chorus_reports.document import Document, KeyNumber, Section
from chorus_reports.page import write_page
from chorus_reports.plots.validation import response_course, response_scatter
from chorus_reports.quantities import share
from chorus_reports.validation_quantities import seconds, share_of, signed
from chorus_reports.validation_tables import (
    decision_tables,
    kind_table,
    request_table,
    stage_table,
    times_table,
)
from chorus_traces.errors import ScenarioError

#: What a simulation of a live server leaves out.
LIMITATIONS = {
    "HTTP": (
        "the time before a request is received and after it is answered is measured at the client "
        "and not predicted"
    ),
    "pick-up": (
        "a request that finds a worker idle starts at once; live, a thread has to wake first, "
        "which is measured under Stage by stage"
    ),
    "contention": (
        "service times do not depend on load; on a CPU device the server's own threads, the video "
        "encoder and the client share its cores with denoising"
    ),
    "drift": "the machine is taken to be as fast as when the profile was measured",
    "spread": (
        "stage times vary independently, log-normal, with the profile's variation; a live text "
        "encoding hides part of the embedding, so the two are correlated"
    ),
    "active share": "a constant of the plan; live, the mask decides for each request",
    "copies": (
        "a copy answered on arrival is charged lookup, embedding and load; live it needs no "
        "embedding, and its video is linked"
    ),
    "refused requests": "those the server refused (429) or failed are left out on both sides",
}


def write_validation(folder: Path) -> None:
    """Write ``report.html``, ``report.md`` and figures from ``validation.json`` in ``folder``.

    Raises ``ScenarioError`` where the file is missing or damaged.
    """
    path = folder / "validation.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: cannot be read ({error}); validate again") from error
    write_page(_document(found), folder)


def _document(found: dict[str, Any]) -> Document:
    run = found["run"]
    return Document(
        title=f"Prediction and measurement: {run['folder']}",
        answer=_answer(found),
        cautions=_cautions(found),
        key_numbers=_key_numbers(found),
        setting=_setting(found),
        sections=(
            Section(
                title="Over the workload",
                paragraphs=(
                    (
                        f"Predicted figures are medians over {found['replications']} draws of the "
                        "stage times, intervals hold 95 % of them."
                    ),
                ),
                tables=(times_table(found),),
            ),
            Section(
                title="Request by request",
                tables=(request_table(found),),
                plots=(response_scatter(found), response_course(found)),
            ),
            Section(
                title="Stage by stage",
                paragraphs=(_cancelling(found), _blame(found)),
                tables=(stage_table(found), kind_table(found)),
            ),
            Section(title="Decisions", tables=decision_tables(found)),
            Section(
                title="What is not predicted",
                points=tuple(f"{what}: {why}" for what, why in LIMITATIONS.items()),
            ),
        ),
    )


def _answer(found: dict[str, Any]) -> tuple[str, ...]:
    run, verdict = found["run"], found["verdict"]
    mean, p95, kinds = verdict["mean"], verdict["p95"], verdict["kinds"]
    sentences = [
        (
            f"At {share(run['utilisation'])} utilisation the simulator predicts the mean response "
            f"time with an error of {signed(mean['error'])} (target {share(mean['target'])}: "
            f"{_met(mean)}) and its 95th percentile with {signed(p95['error'])} (target "
            f"{share(p95['target'])}: {_met(p95)})."
        ),
        (
            f"Hit kinds are equal on {share(kinds['equal'])} of {run['compared']} requests (target "
            f"{share(kinds['target'])}: {_met(kinds)})."
        ),
    ]
    journal = found["journal"]
    sentences.append(
        f"Made again, the {journal['calls']:,} calls into the cache write "
        + ("the same journal, bit for bit." if journal["equal"] else "ANOTHER journal.")
    )
    return tuple(sentences)


def _cautions(found: dict[str, Any]) -> tuple[str, ...]:
    cautions = []
    if not found["journal"]["equal"]:
        cautions.append("The journal of the live run cannot be repeated; nothing here holds.")
    if found["profile"]["stale"]:
        cautions.append(
            "The profile is stale and was allowed: " + "; ".join(found["profile"]["stale"]) + "."
        )
    if found["profile"]["source"] != "measured":
        cautions.append(f"The profile is {found['profile']['source']}, not measured.")
    late = found["client"].get("late_s")
    if late and late["p99"] > 0.1:
        cautions.append(
            f"The client sent one request in a hundred over {seconds(late['p99'])} late; arrivals "
            "are compared as they were received."
        )
    if found["run"].get("others"):
        cautions.append(
            f"The server's log holds {found['run']['others']} requests that this replay did not "
            "send. They are served on both sides, because they fill the cache, and not compared."
        )
    if found["run"]["failed"]:
        cautions.append(f"Requests without a video: {found['run']['failed']}.")
    return tuple(cautions)


def _key_numbers(found: dict[str, Any]) -> tuple[KeyNumber, ...]:
    rows = found["times"]["response"]["workload"]
    numbers = [
        KeyNumber(
            name=f"response {name}",
            value=seconds(rows[name]["measured"]),
            beside=f"{seconds(rows[name]['predicted'])} predicted",
            mark="measured",
        )
        for name in ("mean", "p95")
    ]
    gpu = found["gpu_seconds"]
    numbers.append(
        KeyNumber(
            name="worker time",
            value=seconds(gpu["measured"]),
            beside=f"{seconds(gpu['predicted'])} predicted ({signed(gpu['error'])})",
            mark="measured",
        )
    )
    return tuple(numbers)


def _setting(found: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    run, profile = found["run"], found["profile"]
    tiers = ", ".join(f"{tier['name']} {tier['bytes']:,} B" for tier in run["tiers"])
    return (
        ("model", f"{run['model']} on {run['device']}, {run['workers']} worker(s)"),
        ("policy", f"{found['policy']['name']} ({found['policy']['fingerprint']})"),
        ("cache", tiers),
        (
            "requests",
            (
                f"{run['received']} received, {run['compared']} compared, {run['warm_up']} warm-up "
                f"left out, over {seconds(run['span_s'])}"
            ),
        ),
        (
            "profile",
            f"{profile['name']}, {profile['source']} on {profile['date'] or 'unknown day'}",
        ),
        ("note", profile["note"]),
    )


def _cancelling(found: dict[str, Any]) -> str:
    """Say whether stage errors cancel in the sum."""
    errors = [row["error_of_service"] for row in found["stages"] if row["stage"] != "after"]
    total, absolute = sum(errors), sum(abs(one) for one in errors)
    worst = max(found["stages"], key=lambda row: abs(row["error_of_service"]))
    return (
        f"Errors of stages add up to {signed(total)} of the service time; without their signs to "
        f"{share(absolute)}: the difference cancels. The largest is {worst['stage']} with "
        f"{signed(worst['error_of_service'])}."
    )


def _blame(found: dict[str, Any]) -> str:
    """Say what of the error is the model's and what the profile's."""
    told, quarters, idle = found["given_stages"], found["drift"], found["pick_up"]
    mean, p95 = (signed(told["workload"][name]["error"]) for name in ("mean", "p95"))
    drift = ", ".join(signed(one["error"]) for one in quarters)
    said = (
        f"Told the stage times that were measured, the same model errs by {mean} on the mean "
        f"response and by {p95} on its 95th percentile ({share_of(told['by_request']['mape'])} a "
        "request): that much is the model's, the rest the profile's. The error of the mean service "
        f"time in the quarters of the run is {drift}; a profile of a steady machine would err "
        "alike in all."
    )
    if idle["mean_s"] is None:
        return said
    return (
        f"{said} A free worker begins with a request that is there {seconds(idle['mean_s'])} later "
        f"(mean of {idle['requests']}), which counts as time of the server."
    )


def _met(row: dict[str, Any]) -> str:
    said = "met" if row["met"] else "missed"
    if "inside_interval" in row:
        said += ", inside the interval" if row["inside_interval"] else ", outside the interval"
    return said
