"""Stage times: where the time of the requests goes, stage by stage, waiting included."""

from chorus_reports.answer import simulated_mark
from chorus_reports.document import Section, Table
from chorus_reports.finished_run import STAGES, FinishedRun
from chorus_reports.quantities import gpu_hours, seconds, share

_NAMES = {
    "text_encode_s": "text encoding",
    "embed_s": "embedding the prompt",
    "lookup_s": "lookup",
    "load_s": "loading latents or copies",
    "denoise_s": "denoising",
    "vae_decode_s": "VAE decode",
    "video_encode_s": "video encode",
    "store_s": "storing latents",
}


def stage_section(run: FinishedRun) -> Section:
    """Return the seconds of each stage after the warm-up: sum, share of GPU time, mean.

    What no worker did (a copy answered on arrival) holds no GPU; it is a row of its own.
    """
    worked = run.counted("worker") >= 0
    held_s = float(run.counted("held_s").sum())
    requests = len(worked)
    rows: list[tuple[str, ...]] = []
    for stage in STAGES:
        total = float(run.counted(stage)[worked].sum())
        part = share(total / held_s) if held_s else "-"
        rows.append((_NAMES[stage], gpu_hours(total), part, seconds(total / requests)))
    outside = held_s - float(sum(run.counted(stage)[worked].sum() for stage in STAGES))
    if outside > 1e-6 * held_s:
        name = "serving, outside all stages"
        rows.append(
            (name, gpu_hours(outside), share(outside / held_s), seconds(outside / requests))
        )
    rows.append(("all on a GPU", gpu_hours(held_s), "100 %", seconds(held_s / requests)))
    strong = len(rows) - 1
    waiting = run.counted("start_s") - run.counted("arrival_s")
    total = float(waiting.sum())
    rows.append(("waiting in the queue", gpu_hours(total), "-", seconds(total / requests)))
    copies = float(sum(run.counted(stage)[~worked].sum() for stage in STAGES))
    if copies:
        row = ("copies answered on arrival", gpu_hours(copies), "-", seconds(copies / requests))
        rows.append(row)
    return Section(
        title="Where time goes",
        paragraphs=(
            (
                "Sums over the requests after the warm-up; means are per request, those that skip "
                f"a stage included. All of it is {simulated_mark(run)}."
            ),
        ),
        tables=(
            Table(
                columns=("stage", "sum", "of GPU time", "mean"),
                rows=tuple(rows),
                strong=(strong,),
            ),
        ),
    )
