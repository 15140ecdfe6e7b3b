"""The body of ``POST /v1/videos``: OpenAI's fields and ours, checked, as a request of a trace."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from chorus_runtime.asked import check_text
from chorus_runtime.server.far.gone import HandsLostError
from chorus_runtime.server.refusal import Refusal, bad
from chorus_traces.errors import ChorusError, EngineError, TraceError, unknown
from chorus_traces.request import Request

#: A longer body holds no prompt that is served.
MOST_BODY_BYTES = 256 * 1024

#: Seconds in which a worker elsewhere that went is usually back.
_HANDS_RETURN_S = 30

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


class VideoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may state. ``size`` is "WIDTHxHEIGHT"; ``frames`` goes before ``seconds``."""

    prompt: str
    model: str | None = None
    size: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | str | None = None
    frames: int | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    id: str | None = None
    user: str | None = None
    tenant: str | None = None


_Read = TypeVar("_Read", bound=msgspec.Struct)


def read_body(body: bytes, content_type: str = "") -> VideoRequest:
    """Return the request in a JSON body. Raises ``Refusal`` naming the field that is wrong.

    ``content_type``, which the client stated, is named where the body is not JSON; many clients
    state a wrong one of a body that is.
    """
    return read_object(body, VideoRequest, content_type)


def read_object(body: bytes, kind: type[_Read], content_type: str = "") -> _Read:
    """Return the object in a JSON body. Raises ``Refusal`` naming the field that is wrong."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        stated = content_type.partition(";")[0].strip()[:80]
        if stated in ("", "application/json"):
            raise bad(f"the body is not JSON: {error}", "invalid_json") from error
        raise bad(
            f"the body is not JSON but {stated}; send a JSON object as application/json",
            "invalid_json",
        ) from error
    if not isinstance(raw, dict):
        raise bad("the body is not a JSON object", "invalid_json")
    fields = kind.__struct_fields__
    for name in raw:
        if name not in fields:
            raise bad(unknown("field", name[:80], fields), "unknown_field")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise bad(_named(str(error)), "invalid_type") from error


def request_of(
    wanted: VideoRequest, tenant: str, name: str, frames_of: Callable[[float], int]
) -> Request:
    """Return the request of ``tenant``, called ``name`` where it states no id; it arrives at 0.

    ``frames_of`` turns seconds into frames. Raises ``Refusal`` for values no model takes.
    """
    if wanted.id is not None and not _ID.fullmatch(wanted.id):
        raise bad(f"id is {wanted.id[:80]!r}; 1 to 128 of A-Z a-z 0-9 . _ : - are needed")
    if wanted.tenant not in (None, tenant):
        raise Refusal(
            403, "other_tenant", f"tenant is {wanted.tenant[:80]!r}; the API key says {tenant!r}"
        )
    width, height = _sides(wanted)
    frames = wanted.frames
    if frames is None and wanted.seconds is not None:
        frames = frames_of(_seconds(wanted.seconds))
    try:
        check_text("prompt", wanted.prompt, needed=True)
        check_text("negative_prompt", wanted.negative_prompt or "")
        check_text("user", wanted.user or "")
        return Request(
            id=wanted.id or name,
            arrival_s=0.0,
            prompt=wanted.prompt,
            negative_prompt=wanted.negative_prompt,
            seed=wanted.seed,
            model=wanted.model,
            height=height,
            width=width,
            frames=frames,
            steps=wanted.steps,
            guidance=wanted.guidance,
            tenant=tenant,
            user=wanted.user,
        )
    except (EngineError, TraceError) as error:
        raise refused(error) from error


def refused(error: ChorusError) -> Refusal:
    """Return what a client is told of a request the model or the reader does not take.

    That no worker elsewhere lives to be asked is not the client's doing.
    """
    text = str(error)
    if isinstance(error, HandsLostError):
        return Refusal(503, "no_worker", text, retry_after_s=_HANDS_RETURN_S)
    return bad(text, "unknown_model" if "is not served here" in text else "invalid_value")


def _sides(wanted: VideoRequest) -> tuple[int | None, int | None]:
    if wanted.size is None:
        return wanted.width, wanted.height
    found = _SIZE.fullmatch(wanted.size)
    if found is None:
        raise bad(f"size is {wanted.size[:80]!r}; WIDTHxHEIGHT, such as 832x480, is needed")
    sides = int(found[1]), int(found[2])
    if wanted.width not in (None, sides[0]) or wanted.height not in (None, sides[1]):
        raise bad(f"size is {wanted.size}, but width and height say otherwise; give one of them")
    return sides


def _seconds(stated: float | str) -> float:
    try:
        seconds = float(stated)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise bad(f"seconds is {str(stated)[:80]!r}; a number above 0, at most 3600, is needed")
    return seconds


def _named(message: str) -> str:
    """Put the field in front: "Expected `int`, got `str` - at `$.seed`" is "seed: expected ..."."""
    text, found, place = message.partition(" - at `$.")
    if not found:
        return message
    return f"{place.rstrip('`')}: {text[0].lower()}{text[1:]}".replace("`", "")
