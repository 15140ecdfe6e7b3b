"""Spec: every knob of a synthetic trace, what turning it does, and where its default comes from."""

import math

import msgspec

from chorus_traces.errors import TraceError


class SynthSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``generate`` makes. Raises ``TraceError`` on values that cannot be met.

    "measured" below: GenTD26, 26,823 text-to-image requests of a production service over 23 days
    (Alibaba clusterdata), for time and users; the first 5,000 rows of DiffusionDB-2M, embedded with
    all-MiniLM-L6-v2, for the steps between prompts; a VidProM sample for text-to-video prompts.
    """

    name: str = "synthetic"
    #: Requests in the trace, exactly.
    requests: int = 5_000
    #: Mean rate. Higher means more users at a time; the gaps within a session stay as they are.
    requests_per_hour: float = 208.0
    #: 0 is flat (worldwide service), 1 puts 74 % of requests into 6 of 24 hours and nearly none
    #: into the night (enterprise, measured). Higher makes peaks, queues and idle GPUs.
    daily_cycle: float = 1.0
    #: Local hour of day at which the trace begins.
    start_hour: float = 8.0
    #: Coefficient of variation of the daily totals (measured .75). Higher makes busy and idle days;
    #: it has no effect on a trace that ends within the first day.
    day_variation: float = 0.75
    #: Minutes in which one user sends ``burst_requests``, per week (measured: every week or two).
    #: Higher means more sudden queues of one prompt's family.
    bursts_per_week: float = 0.7
    burst_requests: int = 60
    #: Scale of the length of a session beyond its first request: 1 is as measured, mean 4.5.
    #: Higher means longer chains of edits, so more reuse.
    session_scale: float = 1.0
    #: Gaps within a session are log-normal(ln median, sigma): exp(4.32) = 75 s and 1.01 measured.
    #: Longer gaps let the donor be finished before its follower arrives.
    gap_median_s: float = 75.19
    gap_sigma: float = 1.01
    #: Chance that a session belongs to a user seen before: first for sessions of one request, then
    #: for those of ``long_session`` and more. Higher concentrates the trace on fewer users
    #: (fitted: top 1 % of users send 28 %, top 10 % send 57 %, 1.39 sessions a user).
    return_short: float = 0.1
    return_long: float = 0.95
    long_session: int = 25
    #: Share of steps within a session that begin an unrelated prompt. Higher means less reuse.
    #: .25 makes 58 % of requests follow another version of the same idea, as in DiffusionDB.
    jump_share: float = 0.25
    #: Spread of ``jump_share`` over sessions: alpha + beta of a Beta law. Near 0 every session
    #: either stays with its idea or never does; large makes sessions alike.
    jump_evenness: float = 1.2
    #: Share of steps within a thread that send the same text again (measured .18 to .27).
    resend_share: float = 0.2
    #: Share of other steps that go back to an earlier version, and the chance that a try-out
    #: (another subject, another action) is withdrawn at the next step. Higher keeps a thread
    #: close to its beginning (fitted to cosine .93/.89/.84/.80/.75 at 1/2/5/10/20 requests back).
    #: ``amend_share`` of these returns come with an edit; higher means fewer exact repeats.
    back_share: float = 0.4
    withdraw_share: float = 0.9
    amend_share: float = 0.6
    #: Share of new threads that take one of ``themes`` popular ideas, whose popularity falls as
    #: rank ** -theme_exponent. Higher means more hits between strangers (fitted: 1,000 random
    #: requests of others hold one at .8 for 1 % of prompts, 10,000 for 4.7 %).
    theme_share: float = 0.03
    themes: int = 2_000
    theme_exponent: float = 1.0
    #: Words of the first prompt of a thread are log-normal. Longer prompts move less under an edit.
    #: With what edits add, all prompts have 4/10/36/115 words at 10/50/90/99 % (measured
    #: 4/10/37/111).
    words_median: float = 7.0
    words_sigma: float = 1.22
    #: Share of first prompts that carry `-ar 16:9 -motion 2`; with edits it is .16 of all (measured
    #: .16).
    parameter_share: float = 0.09
    #: Share of requests that pin their seed (measured .033); such sessions vary text, not noise.
    seed_share: float = 0.033
    #: Share of sessions with an image as input; assumed. Higher means less reuse: another
    #: image is another namespace.
    conditioning_share: float = 0.12
    #: Share of sessions with a negative prompt; assumed. Another negative prompt is another
    #: namespace.
    negative_share: float = 0.25
    #: Customers whose data stay apart, by share of users; assumed. More tenants, less reuse.
    tenants: tuple[float, ...] = (0.5, 0.25, 0.15, 0.1)
    #: Share of sessions at 1280x720; the others ask for 832x480. Assumed.
    hd_share: float = 0.2
    frames: int = 81
    #: Denoising steps and guidance of a request.
    steps: int = 50
    guidance: float = 5.0
    #: Share of sessions on a distilled model: 4 steps, guidance 1. Off by default.
    distilled_share: float = 0.0

    def __post_init__(self) -> None:
        for knob in _SHARES:
            value = getattr(self, knob)
            if not 0.0 <= value <= 1.0:
                raise TraceError(f"{knob} is {value}; a share between 0 and 1 is needed")
        for knob in _POSITIVE:
            value = getattr(self, knob)
            if not (math.isfinite(value) and value > 0):
                raise TraceError(f"{knob} is {value}; a number > 0 is needed")
        for knob in _NOT_NEGATIVE:
            value = getattr(self, knob)
            if not (math.isfinite(value) and value >= 0):
                raise TraceError(f"{knob} is {value}; a number >= 0 is needed")
        if not self.tenants or min(self.tenants) < 0 or sum(self.tenants) <= 0:
            raise TraceError(f"tenants is {self.tenants}; at least one share > 0 is needed")


_SHARES = (
    "daily_cycle",
    "return_short",
    "return_long",
    "jump_share",
    "resend_share",
    "back_share",
    "withdraw_share",
    "amend_share",
    "theme_share",
    "parameter_share",
    "seed_share",
    "conditioning_share",
    "negative_share",
    "hd_share",
    "distilled_share",
)
_POSITIVE = (
    "requests",
    "requests_per_hour",
    "burst_requests",
    "session_scale",
    "gap_median_s",
    "long_session",
    "jump_evenness",
    "themes",
    "words_median",
    "frames",
    "steps",
)
_NOT_NEGATIVE = (
    "start_hour",
    "day_variation",
    "bursts_per_week",
    "gap_sigma",
    "theme_exponent",
    "words_sigma",
    "guidance",
)
