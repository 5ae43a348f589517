"""Functions that answer: what they are called, what they are given.  May touch os."""

from __future__ import annotations

import functools
import os
from types import MappingProxyType
from typing import Any, Callable, Mapping, Optional, Tuple

from ..errors import MISSING
from ..jsons import compact, parse_json, utf8
from ..limits import Json
from ..node import Node
from ..records import record
from ..values import Call

# Of a coroutine function, an asynchronous generator and a generator (inspect, CO_…).
WRONG_KINDS: Mapping[int, str] = {
    0x80: "is a coroutine function, and the server has no event loop to run it in",
    0x200: "is an asynchronous generator, and one answer is returned, not yielded",
    0x20: "is a generator, and one answer is returned, not yielded",
}


@record
class MockRequest:
    """A request, as a function that answers is given it: what `match` can look at, by the same
    names, and what matching found.  It is a copy: what is done to it changes nothing else."""

    provider: str
    dialect: str
    operation: str
    api: str
    model: str
    stream: bool
    user: str  # the last user message
    system: str
    tool_result: Optional[str]  # the newest
    tool_call_id: Optional[str]  # of the call that it answers
    turn: int  # how many answers came before
    history: Optional[str]
    tools: Tuple[str, ...]
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # by lower-case name
    port: int
    session: str
    valid: bool
    body: Json  # as JSON, or the fields of a form
    body_sha256: str
    inputs: Tuple[str, ...]  # what is embedded, completed, moderated or ranked
    groups: Mapping[str, str]  # what the named groups of the mock's regular expressions found
    use: int  # how often the mock was used before

    def __repr__(self) -> str:  # without headers, which hold credentials
        return f"<MockRequest {self.method} {self.path} {self.model}>"


def request_view(call: Call, groups: Mapping[str, str], use: int) -> MockRequest:
    """What a function is given of a call."""
    body = None
    if call.said is not MISSING:
        body = parse_json(utf8(compact(call.said)))
    return MockRequest(
        call.provider,
        call.dialect,
        call.operation,
        call.api,
        call.model,
        call.stream,
        call.user,
        call.system,
        call.tool_result,
        call.tool_call_id,
        call.turn,
        call.history,
        call.tools,
        call.method,
        call.path,
        MappingProxyType(dict(call.query)),
        MappingProxyType(dict(call.headers)),
        call.port,
        call.session,
        call.valid,
        body,
        call.body_sha256,
        call.inputs,
        MappingProxyType(dict(groups)),
        use,
    )


@record
class Function:
    """A function that answers: `told` is its name and its place, `file` where it is written."""

    run: Callable[[MockRequest], Any]
    told: str
    file: str = ""


def parse_function(node: Node) -> Function:
    """A function in place of a response; BadMock if it can't be one that answers."""
    function = node.value
    code = code_run_by(function)
    told, file = told_name(function), getattr(code, "co_filename", "")
    if isinstance(file, str) and file:
        told += f" ({told_place(file, getattr(code, 'co_firstlineno', 0))})"
    for flag, problem in WRONG_KINDS.items():
        if getattr(code, "co_flags", 0) & flag:
            node.fail(f"{told} {problem}; write a plain function of the request")
    # A function of our own: what it takes of memory is not ours to weigh.
    return Function(lambda request: function(request), told, file)


def whole_function(function: Any) -> Any:
    """The function of which one is that has some arguments already."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def code_run_by(function: Any) -> Any:
    """The code that is run for a call, or what plays it (unittest.mock's AsyncMock); None of what
    is written in C."""
    function = whole_function(function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    return code


def told_name(function: Any) -> str:
    """What a function is called in messages."""
    function = whole_function(function)
    name = getattr(function, "__qualname__", "")
    if not isinstance(name, str) or not name:
        return f"an object of {type(function).__name__}"
    name = name.rpartition("<locals>.")[2]
    return "lambda" if name.endswith("<lambda>") else f"function {name}"


def told_place(file: str, line: int) -> str:
    """A place in a file, whose path is told from here, if it is below."""
    below = os.path.relpath(file) if os.path.isabs(file) and same_drive(file) else file
    if below.startswith(os.pardir):
        below = file
    return f"{below}:{line}"


def same_drive(file: str) -> bool:
    """Whether there is a way from here to a file: on Windows it may be on another drive."""
    return os.path.splitdrive(file)[0] == os.path.splitdrive(os.getcwd())[0]
