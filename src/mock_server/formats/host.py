"""What the hosts of OpenAI's format share: errors and headers that are data.  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Tuple

from ..jsons import compact
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure
from .members import Members, drawn
from .openai import OpenAI


class Host(OpenAI):
    """Another host with OpenAI's paths.  Its dialect is a subclass that sets what it does
    otherwise, and is the first base of each of its APIs."""

    layout: Callable[..., str] = staticmethod(compact)
    error_layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    stream_type = "text/event-stream"
    front_door: Tuple[int, ...] = ()
    tells_limits = False
    error_frame = Members("message type param code")
    error_types: Mapping[int, str] = {}  # by status; 0 and 500 stand for all below and above
    # Names and shapes of headers: of every answer, and besides of a stream, a whole one and a 429.
    host_headers: Headers = ()
    streaming_headers: Headers = ()
    whole_headers: Headers = ()
    spent_headers: Headers = ()

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Those of the host."""
        more = self.streaming_headers if stream else self.whole_headers
        spent = self.spent_headers if status == 429 else ()
        shapes = (*self.host_headers, *more, *spent)
        return tuple((name, drawn(shape, call)) for name, shape in shapes)

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error."""
        usual = self.error_types.get(500 if failure.status >= 500 else 0)
        code: Json = failure.code or None
        if code is None and self.has_status:
            code = failure.status
        return self.error_frame.of(
            {
                "message": failure.message,
                "type": failure.type or self.error_types.get(failure.status, usual),
                "param": failure.param,
                "code": code,
            }
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {…}}`, in the layout of the host."""
        return ErrorBody({"error": self.error(failure)}, self.error_layout, self.ending)
