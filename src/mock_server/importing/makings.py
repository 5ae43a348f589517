"""Of a find the recording that answers as it did.  Pure."""

from __future__ import annotations

from typing import Dict

from ..answering import Answerer
from ..errors import BadField, Refused
from ..formats.all import OTHER
from ..formats.base import WireFormat
from ..formats.other import Other
from ..jsons import parse_json
from ..limits import Json
from ..recording.captures import Capture
from ..recording.making import Made, made_of, made_with, mock_file, renamed, scrubber_of
from ..recording.scrubbing import TooManySigns
from ..records import replace
from ..routing import owners, route
from ..values import Call, Request
from .asked import wire_of
from .finds import Find, Unusable
from .guesses import api_of, is_streamed

NOBODYS_FORM = (
    "holds no request, and its answer is in the form of no API that is known; curl -v tells what "
    "was asked"
)


def made_of_find(find: Find, keeps_errors: bool = False) -> Made:
    """The recording of a capture, or why there is none; answers of 4xx are kept if errors are."""
    if find.capture is None:
        return Made("", reason=find.reason)
    try:
        check_status(find.capture.status, keeps_errors)
        check_json(find.capture)
        if find.capture.request is None:
            return made_of_answer(find.capture)
        return made_of_exchange(find.capture, find.capture.request, find.lacks_body)
    except Unusable as why:
        return Made("", reason=why.reason)
    except TooManySigns as error:
        return Made("", reason=str(error))


def check_status(status: int, keeps_errors: bool) -> None:
    """Unusable, if answers of a status are not kept."""
    if 300 <= status < 400:
        raise Unusable(f"leads elsewhere (status {status})")
    if status >= 500:
        raise Unusable(f"is an error of the provider's server ({status}), which is never kept")
    if status >= 400 and not keeps_errors:
        raise Unusable(f"is an error ({status}); with --record-errors it is kept, too")


def check_json(capture: Capture) -> None:
    """Unusable, if an answer says that it is JSON, and is cut off or mixed with something else."""
    if capture.content_type != "application/json" or not capture.body or is_streamed(capture):
        return
    try:
        parse_json(capture.body)
    except ValueError as error:
        raise Unusable(f"is not the JSON that it says it is: {error}") from None


def made_of_exchange(capture: Capture, request: Request, lacks_body: bool) -> Made:
    """The recording of an answer to a request, which is read as it will be when it comes here."""
    home, params = wire_of(request)
    wire = home
    if home.operation != OTHER:
        wire, params = route(away_from_home(request))
    if lacks_body:
        call = replace(wire.begun(request, params), stream=is_streamed(capture))
        return at_home(home, wire, made_for_any(wire, call, capture))
    try:
        body = wire.body(request) if isinstance(wire, Other) else Answerer.body(wire, request)
        call = wire.read(request, params, body)
    except BadField as wrong:
        raise Unusable(f"is no request to {wire.provider}: {wrong}") from None
    except Refused as refused:
        raise Unusable(f"is no request to {wire.provider}: {refused.message}") from None
    return at_home(home, wire, made_of(wire, call, capture))


def away_from_home(request: Request) -> Request:
    """A request without its Host: whoever asks this server names another."""
    others = {name: value for name, value in request.headers.items() if name != "host"}
    return request.with_headers(others)


def at_home(home: WireFormat, wire: WireFormat, made: Made) -> Made:
    """The recording of an API that was asked on its own host, which may speak a dialect, and whose
    path may be another provider's here."""
    if made.reason or home is wire:
        return made
    spec = parse_json(made.files[made.mock])
    if home.provider != wire.provider:  # Azure's /openai/v1 is Groq's and Bedrock's, too
        spec["match"]["provider"] = [wire.provider, home.provider]
    if home.dialect != wire.dialect:
        spec = {"name": spec.pop("name"), "dialect": home.dialect, **spec}
    return replace(made, files={**made.files, made.mock: mock_file(spec)})


def made_of_answer(capture: Capture) -> Made:
    """The recording of an answer alone, for whatever its API is asked."""
    wire = api_of(capture)
    if wire is None:
        raise Unusable(NOBODYS_FORM)
    query: Dict[str, str] = {}
    stream = is_streamed(capture)
    if stream and capture.content_type == "application/json":
        query["alt"] = "json"  # with which Google streams an array
    call = replace(wire.begun(Request("POST", "/", query), {}), stream=stream)
    return made_for_any(wire, call, capture)


def made_for_any(wire: WireFormat, call: Call, capture: Capture) -> Made:
    """The recording of an answer for whatever is asked of an API, as far as its path tells it."""
    scrubber = scrubber_of(capture)
    match: Dict[str, Json] = {"provider": call.provider}
    if call.operation == OTHER:
        match = {"operation": OTHER, "path": scrubber.matcher(call.path), "method": call.method}
    elif capture.status < 400 or capture.request:
        if call.operation != "generate":
            match["operation"] = call.operation
        if has_one_api(wire, call):
            match["api"] = call.api
    if call.model:
        match["model"] = scrubber.matcher(call.model)
    if call.operation == "generate" and capture.status < 400:
        match["stream"] = call.stream
    made = made_with(match, wire, call, capture, scrubber)
    if made.reason:
        return made
    # Mocks are asked in the order of their names, and this one would take what others are for: it
    # goes behind them, the less it asks the further.
    last = "z" * (1 + ("model" not in match) + ("api" not in match))
    return renamed(made, f"{last}-any-{made.name}")


def has_one_api(wire: WireFormat, call: Call) -> bool:
    """Whether nobody but this API has the route of a call: others may be told by the body alone."""
    found = [
        other for other, _ in owners(call.method, call.path) if other.provider == wire.provider
    ]
    return all(
        other.api == wire.api for other in found if not set(other.routes).isdisjoint(wire.routes)
    )
