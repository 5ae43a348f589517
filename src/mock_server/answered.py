"""A response and where it comes from.  Touches nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Iterable, Optional, Tuple, Union

from .errors import Refused
from .formats.base import WireFormat
from .http import Head
from .journal import Entry, Feed
from .jsons import compact, utf8
from .limits import JOURNAL_BODY, Headers, Json
from .mocks.mock import Uses
from .mocks.near import NearMiss
from .values import Call, Hold, Request, Response


@dataclass(frozen=True)
class Settings:
    """What the command line says about answering.  `pace` is seconds between streamed events."""

    fallback: str = "error"
    pace: float = 0.0
    require_auth: bool = False
    seed: int = 0
    host: str = "127.0.0.1"
    control_token: str = ""


@dataclass(frozen=True)
class Answered:
    """A response and where it comes from: what was asked, which mock, and why none.  `steady` says that an
    equal request will get an equal one, `feed` fills a stream while it runs, `control` marks the control API's own."""

    response: Response
    call: Optional[Call] = None
    mock: str = ""
    note: str = ""
    wire: Optional[WireFormat] = None
    uses: Optional[Uses] = None
    steady: bool = True
    near: Tuple[NearMiss, ...] = ()
    unmatched: bool = False
    feed: Optional[Feed] = None
    control: bool = False


Frames = Iterable[Union[bytes, Hold]]


def control_response(status: int, value: Json, headers: Headers = ()) -> Response:
    """JSON for a test."""
    return Response(
        status,
        (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers),
        utf8(compact(value) + "\n"),
    )


def control_refusal(refused: Refused) -> Answered:
    """Why a control request is refused."""
    error = {"error": {"message": refused.message, "code": refused.code or "bad_request"}}
    return Answered(control_response(refused.status, error, refused.headers), control=True)


def journal_entry(number: str, request: Request, head: Head, answered: Answered) -> Entry:
    """A request as the journal keeps it, with no credential in it; how it ended is filled in later."""
    call, body, response = answered.call, request.body, answered.response
    if call and not call.was_read:
        call = None
    size = 1500 + head.weight + 16 * min(len(body), JOURNAL_BODY) + 2000 * len(answered.near)
    kept: Json = call.body if call else body.decode("utf-8", "replace")
    if len(body) > JOURNAL_BODY:
        kept = body[:JOURNAL_BODY].decode("utf-8", "replace")
        call = (
            replace(
                call,
                request=replace(call.request, body=b""),
                body=None,
                prompt="",
                inputs=(),
                user=call.user[:JOURNAL_BODY],
                system=call.system[:JOURNAL_BODY],
            )
            if call
            else None
        )
    entry = Entry(
        number,
        time.time(),
        request,
        head.kept,
        kept,
        answered.wire.provider if answered.wire else None,
        call,
        size,
    )
    entry.status, entry.mock, entry.note = response.status, answered.mock, answered.note
    entry.unmatched, entry.near = answered.unmatched, answered.near
    if response.delivery.fault:
        entry.fault = response.delivery.fault.kind
    entry.events_total = (
        0
        if response.frames is None
        else len(response.frames)
        if isinstance(response.frames, tuple)
        else None
    )
    return entry
