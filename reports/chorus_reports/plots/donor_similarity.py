"""Donor similarity: how alike the reused entries are."""

import math

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.finished_run import FinishedRun
from chorus_reports.plot import KIND_COLOURS, Panel, Plot, Steps
from chorus_reports.quantities import share

#: Width of a bar, and how near to the least similar donor counts as near.
_WIDTH, _NEAR = 0.005, 0.02


def donor_similarity(run: FinishedRun) -> Plot:
    """Draw the similarity of donors, stacked by kind."""
    similarity, kinds = run.counted("similarity"), run.counted_kind()
    served = ~np.isnan(similarity)
    title, label = "Similarity of donors", "similarity of donor and request (cosine)"
    if not served.any():
        return Plot(
            name="donor-similarity",
            title=title,
            caption="Nothing is reused, so there are no donors.",
            panels=(Panel(series=(), y_label=""),),
            x_label=label,
            nothing="no donors: nothing is reused",
        )
    low = math.floor(float(similarity[served].min()) / _WIDTH - 1e-6) * _WIDTH
    edges = np.linspace(low, 1.0, max(1, round((1.0 - low) / _WIDTH)) + 1)
    parts = {
        kind: np.histogram(np.clip(similarity[served & (kinds == number)], low, 1.0), edges)[0]
        for number, kind in enumerate(PLAN_KINDS[:-1])
    }
    series = tuple(
        Steps(name=kind, edges=edges, values=part.astype(float), colour=KIND_COLOURS[kind])
        for kind, part in parts.items()
        if part.any()
    )
    most = float(np.sum(list(parts.values()), axis=0).max())
    return Plot(
        name="donor-similarity",
        title=title,
        caption=_caption(run),
        panels=(
            Panel(
                series=series,
                y_label=f"requests per {_WIDTH:g}",
                y_range=(0.0, most * 1.05),
                whole=True,
            ),
        ),
        x_label=label,
        x_range=(float(edges[0]), float(edges[-1])),
    )


def _caption(run: FinishedRun) -> str:
    kinds, similarity = run.counted_kind(), run.counted("similarity")
    alike = similarity[(kinds != PLAN_KINDS.index("copy")) & ~np.isnan(similarity)]
    if not len(alike):
        return "Every donor is the result of an identical request."
    least = float(alike.min())
    near = float((alike < least + _NEAR).mean())
    embedder = run.summary["trace"]["embedder"] or "an unknown embedder"
    return (
        f"Exact copies aside, half of the donors have a similarity of at least "
        f"{float(np.median(alike)):.3f}; {share(near)} lie within {_NEAR:g} of the least similar "
        f"one, {least:.3f}. Similarities are those of {embedder} and hold for no other."
    )
