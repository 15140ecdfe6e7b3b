"""Small runs that reports are written of."""

import json

import numpy as np

from chorus_sim.scenario import RunSection, Scenario
from chorus_traces.request import Request
from chorus_traces.trace import Trace

BASE = Scenario(run=RunSection(bounds="all"))


def trace_of(requests, *, gap_s=20.0, noise=0.15, identical=False, width=24):
    """Requests around a few random directions; ``noise`` says how far from them."""
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(max(1, requests // 8), width))
    place = chance.integers(0, len(centres), requests)
    vectors = centres[0 * place if identical else place]
    vectors = vectors + (not identical) * noise * chance.normal(size=vectors.shape)
    made = tuple(
        Request(
            id=f"r{number}",
            arrival_s=5.0 + number * gap_s,
            prompt="same" if identical else f"prompt {number}",
            negative_prompt="",
            seed=1 if identical else number,
            tenant="t",
        )
        for number in range(requests)
    )
    return Trace(name="tiny.jsonl", requests=made).with_embeddings(vectors, "random")


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())
