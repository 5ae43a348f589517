"""A response and where it comes from, and what the journal remembers of it.  Touches nothing."""

from __future__ import annotations

from typing import Iterable, Optional, Tuple, Union

from .entries import Asked
from .errors import Refused
from .formats.base import WireFormat
from .forms import bounded_form
from .gates import Abandoned, Gate, Wanting, Work
from .http import Head
from .jsons import compact, utf8
from .limits import JOURNAL_BODY, LONG, Headers, Json
from .mocks.mock import Uses
from .recording.passages import Forwarded
from .records import record, replace
from .sizes import json_size, strings_size, walked_size
from .steps import Exchange, Step
from .transport import answer_steps
from .values import Call, HttpResponse, Request
from .violations import Violations
from .withheld import is_plain_form, kept_call, kept_fields, kept_text

ITEM_SIZE = 64  # of a short string in a tuple
TOOLS_KEPT = 128  # of a body that is too long to be kept; OpenAI takes no more
# Paths that are asked for to see whether somebody is there; what a mock answers is no probe.
PROBES = frozenset(
    (
        *("/", "/health", "/healthz", "/livez", "/readyz", "/ping", "/favicon.ico"),
        *("/health_generate", "/health/ready", "/metrics", "/load"),
    )
)
VIOLATION_SIZE = 500  # about what the objects of one take beside its sentence
ENTRY_SIZE = 1500  # about how many bytes of memory the objects of an entry and its call take


@record
class Answered:
    """A response and where it comes from: what was asked, which mock, and why none.

    `is_repeatable` says that an equal request will get an equal one, `feed` fills a stream while
    it runs, `forwarded` tells where the request went, `control` marks the control API's own, `auth`
    is what was found of a credential, if that was checked."""

    response: HttpResponse
    call: Optional[Call] = None
    mock: str = ""
    note: str = ""
    wire: Optional[WireFormat] = None
    uses: Optional[Uses] = None
    is_repeatable: bool = True
    near: Tuple[Json, ...] = ()
    unmatched: bool = False
    feed: Optional[Gate] = None
    forwarded: Optional[Forwarded] = None
    control: bool = False
    auth: str = ""

    @property
    def is_lasting(self) -> bool:
        """Whether it can be sent more than once: it is repeatable, and all of it is there."""
        return self.is_repeatable and self.is_there

    @property
    def is_there(self) -> bool:
        """Whether it is not made while it is sent."""
        return self.response.frames is None or isinstance(self.response.frames, tuple)

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may live on behind it."""
        return not self.response.delivery.plan.close

    @property
    def weight(self) -> int:
        """About how many bytes of memory are free again once it is sent."""
        if self.is_there:
            return len(self.response.body)
        return LONG  # a long stream, as much of it as was there at a time


def control_response(status: int, value: Json, headers: Headers = ()) -> HttpResponse:
    """JSON for a test."""
    return HttpResponse(
        status,
        (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers),
        utf8(compact(value) + "\n"),
    )


def control_refusal(refused: Refused) -> Answered:
    """Why a control request is refused."""
    error = {"error": {"message": refused.message, "code": refused.code or "bad_request"}}
    return Answered(control_response(refused.status, error, refused.headers), control=True)


def asked_of(request: Request, head: Head, answered: Answered) -> Asked:
    """A request and its answer as the journal keeps them.  Credentials are masked for all who look:
    here they are as they came."""
    violations = answered.call.violations if answered.call else ()
    body, call = body_and_call(request, answered)
    size = ENTRY_SIZE + head.weight + body_size(request.body, body, call)
    size += told_size(answered, violations)
    provider = None
    if answered.wire:
        provider = answered.wire.provider or None
    asked = Asked(request, head, body, provider, call, size)
    if "multipart" in head.headers.get("content-type", "").lower() and request.form is not None:
        asked.form = bounded_form(request.form, JOURNAL_BODY)
        if hides_body(answered):
            asked.form = kept_fields(asked.form)
        asked.size += walked_size(asked.form)
    asked.wire, asked.auth = answered.wire, answered.auth
    asked.mock = answered.mock
    asked.note = answered.note
    asked.unmatched = answered.unmatched
    asked.near = answered.near
    asked.violations = violations
    response = answered.response
    asked.status = response.status
    if response.delivery.fault:
        asked.fault = response.delivery.fault.kind
    if response.frames is None:
        asked.events_total = 0
    elif isinstance(response.frames, tuple):
        asked.events_total = len(response.frames)
    # Who asks for something with an identity is told of.
    asked.forwarded = answered.forwarded
    if (
        request.path in PROBES
        and not asked.mock
        and not asked.forwarded
        and not hides_body(answered)
    ):
        # A malformed request may seem to ask for the root, too.
        asked.is_probe = request.method in ("GET", "HEAD") and asked.status in (200, 204, 404)
    return asked


def told_size(answered: Answered, violations: Violations) -> int:
    """About the bytes of memory that what was said of a request takes."""
    size = VIOLATION_SIZE * len(violations)
    if violations:
        for one in violations:
            size += strings_size((one.place, one.message, one.param or ""))
    if answered.near:
        size += walked_size(list(answered.near))
    return size


def body_and_call(request: Request, answered: Answered) -> Tuple[Json, Optional[Call]]:
    """The body of a request as the journal keeps it, and what was read of it."""
    call = answered.call
    if call and not call.was_read:
        call = None
    body: Json
    if len(request.body) > JOURNAL_BODY:
        body = request.body[:JOURNAL_BODY].decode("utf-8", "replace")
        call = shortened(call)
    elif call:
        if hides_body(answered):
            call = kept_call(call)
        body = call.body
    else:
        body = request.body.decode("utf-8", "replace")
    if isinstance(body, str) and (is_plain_form(request) or hides_body(answered)):
        body = kept_text(request, body, hides_body(answered))
        if call and call.body:
            call = replace(call, body=body)
    return body, call


def hides_body(answered: Answered) -> bool:
    """Whether what was sent is full of credentials."""
    return answered.wire is not None and answered.wire.hides_body


def told_and_steps(
    request: Request, head: Head, answered: Answered, exchange: Exchange
) -> Tuple[Optional[Asked], Iterable[Step]]:
    """What the journal says of an answer, if it is to say anything, and the steps of it."""
    asked = None
    if not answered.control:
        asked = asked_of(request, head, answered)
    return asked, answer_steps(answered.response, exchange)


def body_size(raw: bytes, body: Json, call: Optional[Call]) -> int:
    """About the bytes of memory that a body takes as it is kept, with what was read of it."""
    size = 0
    if isinstance(body, str):
        size += strings_size((body,))
    elif call:
        size += len(raw) + json_size(raw, body)
    if call:
        results = (call.tool_result or "", call.tool_call_id or "")
        texts = (call.user, call.system, call.prompt, *results)
        size += strings_size(texts) + ITEM_SIZE * (len(call.inputs) + len(call.tools))
    return size


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
        schema=None,
        model=call.model[:JOURNAL_BODY],
        user=call.user[:JOURNAL_BODY],
        system=call.system[:JOURNAL_BODY],
        tools=tuple(name[:JOURNAL_BODY] for name in call.tools[:TOOLS_KEPT]),
        tool_result=beginning(call.tool_result),
        tool_call_id=beginning(call.tool_call_id),
        custom_tools=(),
    )


def beginning(text: Optional[str]) -> Optional[str]:
    """As much of a text, if there is one, as the journal keeps."""
    if text is None:
        return None
    return text[:JOURNAL_BODY]


def own_headers(request: Request, answered: Answered) -> Headers:
    """Headers for a page in a browser: it may call the providers' paths, but of the control API
    none but its own."""
    if "origin" not in request.headers or answered.control:
        return ()
    return (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))


def abandoned(work: Work[Answered]) -> Optional[Answered]:
    """Have work end for which nobody waits any more; what is told of it, if it has something to
    tell."""
    try:
        work.throw(Abandoned())
    except StopIteration as stop:
        told: Answered = stop.value
        return told
    except Abandoned:
        return None
    work.close()
    return None


def advanced(work: Work[Answered]) -> Union[Wanting, Answered]:
    """What work wants next, or what it gives in the end."""
    try:
        return next(work)
    except StopIteration as stop:
        answered: Answered = stop.value
        return answered
