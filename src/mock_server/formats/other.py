"""Paths of no provider: what a mock that names one says there.  Pure."""

from __future__ import annotations

from typing import Iterator, Mapping, Tuple

from ..jsons import parse_request, text_of, within
from ..limits import Headers, Json
from ..records import replace
from ..values import Call, Failure, Limit, Request
from .base import WireFormat
from .mute import Mute


class Other(Mute):
    """Any path that no provider has, with any method: recorded and raw answers, and errors as the
    provider has them whose path is the nearest (`shape`)."""

    operation = "other"
    credentials: Tuple[str, ...] = ()

    def __init__(self, shape: WireFormat) -> None:
        self.shape = shape

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request, whatever its body is: a JSON value, else text."""
        streams, model = within(body, "stream"), within(body, "model")
        return Call(
            request,
            self.provider,
            self.operation,
            self.api,
            model if isinstance(model, str) else "",
            streams is True,
            body=body,
        )

    @staticmethod
    def body(request: Request) -> Json:
        """The body as JSON, the fields of a form, or text."""
        if not request.body:
            return None
        if request.form is not None:
            return request.form
        try:
            return parse_request(request.body)
        except ValueError:
            return text_of(request.body)

    # --- as the nearest provider has it ---

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """What a stream says of an error."""
        return self.shape.interruption(self.nearest(call), failure, sent)

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Those of an error; else none."""
        if status < 400:
            return ()
        return self.shape.headers(self.nearest(call), stream, status)

    def limit_headers(self, limit: Limit) -> Headers:
        """The rate-limit headers."""
        return self.shape.limit_headers(limit)

    def failed(
        self, call: Call, failure: Failure, more: Mapping[str, Json]
    ) -> Tuple[bytes, Headers]:
        """An error."""
        return self.shape.failed(self.nearest(call), failure, more)

    def completed(self, call: Call, failure: Failure) -> Failure:
        """An error with what it leaves open."""
        return self.shape.completed(self.nearest(call), failure)

    def nearest(self, call: Call) -> Call:
        """The call as if it had come in on the nearest path."""
        return replace(self.shape.begun(call.request, {}), model=call.model)
