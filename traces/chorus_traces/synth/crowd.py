"""Crowd: which user each session belongs to; those who sent much come back more often."""

import numpy as np
import numpy.typing as npt

from chorus_traces.synth.arrival import Arrivals
from chorus_traces.synth.chance import uniforms
from chorus_traces.synth.spec import SynthSpec

_TRIES = 4


def draw_users(
    spec: SynthSpec, arrivals: Arrivals, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the user of each session, numbered in order of first appearance.

    A returning session is given to the author of a request drawn at random from those before it
    (Simon, "On a class of skew distribution functions", Biometrika 1955), which makes the heavy
    tail without a table of users, at any rate. A user who is still in a session is passed over.
    """
    uniform = uniforms(rng)
    users = np.zeros(len(arrivals.starts), dtype=np.int64)
    ends = arrivals.instants[np.cumsum(arrivals.lengths) - 1].tolist()
    busy_until: list[float] = []
    sent: list[int] = []
    rise = (spec.return_long - spec.return_short) / max(spec.long_session - 1, 1)
    for session, (start, length) in enumerate(
        zip(arrivals.starts.tolist(), arrivals.lengths.tolist(), strict=True)
    ):
        user = -1
        returning = spec.return_short + rise * (min(length, spec.long_session) - 1)
        if uniform() < returning and sent:
            for _ in range(_TRIES):
                candidate = sent[int(uniform() * len(sent))]
                if busy_until[candidate] <= start:
                    user = candidate
                    break
        if user < 0:
            user = len(busy_until)
            busy_until.append(0.0)
        busy_until[user] = ends[session]
        users[session] = user
        sent.extend([user] * length)
    return users
