"""Donor similarity: how alike the reused entries are."""

import math

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.chart import KIND_COLOURS, Chart, legend_above, new_figure, say
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import share

#: Width of a bar, and how near to the least similar donor counts as near.
_WIDTH, _NEAR = 0.005, 0.02


def donor_similarity(run: FinishedRun) -> Chart:
    """Draw the similarity of donors, stacked by kind."""
    similarity, kinds = run.counted("similarity"), run.counted_kind()
    figure, (axes,) = new_figure()
    axes.set_xlabel("similarity of donor and request (cosine)")
    served = ~np.isnan(similarity)
    title = "Similarity of donors"
    if not served.any():
        say(axes, "no donors: nothing is reused")
        caption = "Nothing is reused, so there are no donors."
        return Chart(name="donor-similarity", title=title, caption=caption, figure=figure)
    low = math.floor(float(similarity[served].min()) / _WIDTH - 1e-6) * _WIDTH
    edges = np.linspace(low, 1.0, max(1, round((1.0 - low) / _WIDTH)) + 1)
    below = np.zeros(len(edges) - 1)
    for number, kind in enumerate(PLAN_KINDS[:-1]):
        values = np.clip(similarity[served & (kinds == number)], low, 1.0)
        part = np.histogram(values, edges)[0]
        if not part.any():
            continue
        colour = KIND_COLOURS[kind]
        axes.stairs(below + part, edges, baseline=below, fill=True, color=colour, label=kind)
        below = below + part
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, float(below.max()) * 1.05)
    axes.locator_params(axis="y", integer=True)
    axes.set_ylabel(f"requests per {_WIDTH:g}")
    legend_above(axes)
    return Chart(name="donor-similarity", title=title, caption=_caption(run), figure=figure)


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
