"""A response and where it comes from, and what the journal remembers of it.  Touches nothing."""

from __future__ import annotations

from typing import Optional, Tuple

from .entries import Asked
from .errors import Refused
from .formats.base import WireFormat
from .gates import Feed
from .http import Head
from .jsons import compact, utf8
from .limits import JOURNAL_BODY, Headers, Json
from .mocks.mock import Uses
from .mocks.near import NearMiss
from .records import record, replace
from .values import Call, Request, Response

# About how many bytes of memory an entry takes: its objects, a byte of a body once it is JSON, and
# a near miss.
ENTRY_SIZE = 1500
BODY_BYTE_SIZE = 16
NEAR_MISS_SIZE = 2000


@record
class Answered:
    """A response and where it comes from: what was asked, which mock, and why none.

    `is_repeatable` says that an equal request will get an equal one, `feed` fills a stream while
    it runs, `control` marks the control API's own."""

    response: Response
    call: Optional[Call] = None
    mock: str = ""
    note: str = ""
    wire: Optional[WireFormat] = None
    uses: Optional[Uses] = None
    is_repeatable: bool = True
    near: Tuple[NearMiss, ...] = ()
    unmatched: bool = False
    feed: Optional[Feed] = None
    control: bool = False


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


def asked_of(request: Request, head: Head, answered: Answered) -> Asked:
    """A request and its answer as the journal keeps them, with no credential in them."""
    call = answered.call
    if call and not call.was_read:
        call = None
    body: Json
    if len(request.body) > JOURNAL_BODY:
        body = request.body[:JOURNAL_BODY].decode("utf-8", "replace")
        call = shortened(call)
    elif call:
        body = call.body
    else:
        body = request.body.decode("utf-8", "replace")
    size = ENTRY_SIZE + head.weight + NEAR_MISS_SIZE * len(answered.near)
    size += BODY_BYTE_SIZE * min(len(request.body), JOURNAL_BODY)
    provider = None
    if answered.wire:
        provider = answered.wire.provider
    asked = Asked(request, head.kept, body, provider, call, size)
    asked.mock = answered.mock
    asked.note = answered.note
    asked.unmatched = answered.unmatched
    asked.near = answered.near
    response = answered.response
    asked.status = response.status
    if response.delivery.fault:
        asked.fault = response.delivery.fault.kind
    if response.frames is None:
        asked.events_total = 0
    elif isinstance(response.frames, tuple):
        asked.events_total = len(response.frames)
    return asked


def shortened(call: Optional[Call]) -> Optional[Call]:
    """A call without what takes as much memory as a body that is too long to be kept."""
    if not call:
        return None
    return replace(
        call,
        request=replace(call.request, body=b""),
        body=None,
        prompt="",
        inputs=(),
        user=call.user[:JOURNAL_BODY],
        system=call.system[:JOURNAL_BODY],
    )
