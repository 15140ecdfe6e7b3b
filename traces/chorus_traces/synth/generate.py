"""Generate: sessions of real edit chains, interleaved as their users send them.

What the defaults reach, measured -> generated. Time, users and words: 26,823 requests at 48.5 an
hour, seeds 1 to 3; similarity: 11,000 at 94 an hour, seed 11, all-MiniLM-L6-v2, one seed only.

- session length P(>= 2/3/5/10/20/50): .68/.46/.26/.099/.032/.005 -> .68/.46/.26/.099/.032/.005
- inter-arrival CV 12 -> 12.5 to 14.1, within the hour 1.17 -> 1.11; dispersion of counts at 1 min,
  10 min, 1 h: 3.75/27/140 -> 3.6/24/124. All but the CV within the hour grow with the rate
- top 1 % and 10 % of users: .28/.57 -> .24 to .27/.58 to .61; less in a short trace
- words at 10/50/90/99 %: 4/10/37/111 -> 4/10/36/107 to 125
- steps in a thread, identical, > .95, .90-.95, .80-.90, below: .18-.27/.26/.16/.21/.19 ->
  .21/.24/.16/.21/.19; cosine 1/2/5/10/20 back: .93/.89/.84/.80/.75 -> .93/.89/.83/.79/.76
- max cosine to all earlier >= .65/.75/.8/.85/.9/.95: .73/.58/.52/.47/.40/.29 ->
  .67/.58/.55/.51/.45/.36; to the last 100: .59/.50/.46/.42/.36/.26 -> .58/.56/.53/.49/.43/.35.
  The measured shares are of text-to-image prompts. Generated repetition is too high from .8 up
- strangers, 1,000 and 10,000 random requests: .07/.27 at .65, .010/.047 at .8 -> .09/.31 (too
  high: short prompts resemble each other), .010/.044
- nearest hits at .8 within 10/100 requests: .75/.89 -> .68/.97; in the own session .87 -> .97

Session lengths and gaps were measured on visits (told apart by time), steps and cosines on threads
(told apart by text, so a jump ends one). A session here is a visit of one or several threads, and
the laws of steps hold within a thread only: over all steps of a session, jumps included, 39 % lie
below .80 and the cosines are .88/.77/.53/.37/.39. ``jump_share = 0`` makes a session one thread.
"""

from bisect import bisect_right
from typing import Any

import numpy as np

from chorus_traces.request import Request
from chorus_traces.synth.arrival import draw_arrivals
from chorus_traces.synth.chance import steps_up, uniforms
from chorus_traces.synth.compose import make_composer
from chorus_traces.synth.crowd import draw_users
from chorus_traces.synth.spec import SynthSpec
from chorus_traces.synth.terms import make_terms_drawer
from chorus_traces.synth.walk import Walker
from chorus_traces.trace import Trace


def generate(spec: SynthSpec, seed: int) -> Trace:
    """Return the trace of ``spec``; equal ``spec`` and ``seed`` give equal requests.

    Every purpose (starts, lengths, gaps, users, tenants, words, themes, edits, jumps, terms) has
    its own stream spawned from ``seed``, so a knob moves only what it names. ``extra["thread"]``
    counts runs of versions of one idea: a session holds one or several.
    """
    streams = np.random.SeedSequence(seed).spawn(10)
    start, length, gap, crowd, tenant, word, theme, edit, jump, term = map(
        np.random.default_rng, streams
    )
    arrivals = draw_arrivals(spec, start_rng=start, length_rng=length, gap_rng=gap)
    users = draw_users(spec, arrivals, crowd).tolist()
    composer = make_composer(
        rng=word,
        theme_rng=theme,
        themes=spec.themes,
        theme_exponent=spec.theme_exponent,
        theme_share=spec.theme_share,
        parameter_share=spec.parameter_share,
        median_words=spec.words_median,
        spread=spec.words_sigma,
    )
    walker = Walker(
        composer=composer,
        uniform=uniforms(edit),
        resend=spec.resend_share,
        back=spec.back_share,
        withdraw=spec.withdraw_share,
        amend=spec.amend_share,
    )
    terms_drawer = make_terms_drawer(spec, term)
    jumps = _draw_jumps(spec, len(users), jump)
    tenants = _draw_tenants(spec, max(users) + 1, tenant)
    instants, kept = arrivals.instants.tolist(), arrivals.kept.tolist()
    drafts: list[tuple[float, dict[str, Any]]] = []
    place = threads_before = 0
    for session, size in enumerate(arrivals.lengths.tolist()):
        chance = 0.0 if arrivals.burst[session] else jumps[session]
        texts, threads = walker(size, chance)
        terms = terms_drawer()
        user = users[session]
        pinned = terms_drawer.seed() if terms.pinned else None
        extras = [{"thread": f"t{threads_before + new:07d}"} for new in range(threads[-1] + 1)]
        for step in range(size):
            if terms.pinned and step and texts[step] == texts[step - 1]:
                pinned = terms_drawer.seed()
            if kept[place + step]:
                fields = {
                    "prompt": texts[step],
                    "negative_prompt": terms.negative_prompt,
                    "seed": pinned,
                    "height": terms.height,
                    "width": terms.width,
                    "frames": spec.frames,
                    "steps": terms.steps,
                    "guidance": terms.guidance,
                    "tenant": tenants[user],
                    "user": f"u{user:06d}",
                    "conditioning": terms.conditioning,
                    "extra": extras[threads[step]],
                }
                drafts.append((round(instants[place + step], 3), fields))
        place += size
        threads_before += threads[-1] + 1
    drafts.sort(key=lambda draft: draft[0])
    requests = tuple(
        Request(id=f"r{row:07d}", arrival_s=arrival_s, **fields)
        for row, (arrival_s, fields) in enumerate(drafts)
    )
    return Trace(name=spec.name, requests=requests)


def _draw_jumps(spec: SynthSpec, sessions: int, rng: np.random.Generator) -> list[float]:
    """Return for each session the chance that a step begins something new."""
    if spec.jump_share in (0.0, 1.0):
        return [spec.jump_share] * sessions
    alpha = spec.jump_share * spec.jump_evenness
    jumps: list[float] = rng.beta(alpha, spec.jump_evenness - alpha, size=sessions).tolist()
    return jumps


def _draw_tenants(spec: SynthSpec, users: int, rng: np.random.Generator) -> list[str]:
    """Return the tenant of each user."""
    shares = steps_up(spec.tenants)
    return [
        f"tenant-{min(bisect_right(shares, draw), len(shares) - 1)}" for draw in rng.random(users)
    ]
