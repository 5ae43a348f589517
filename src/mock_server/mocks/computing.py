"""What a function answers to one call: it is run, and what it returns is read as any response is.

Whoever calls this does it aside: a function may take its time."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Mapping, Optional

from ..deliveries import Delivery
from ..errors import BadMock, shown
from ..jsons import compact, parse_json, utf8
from ..limits import Json
from ..records import replace
from ..values import Failure
from .answer import Answer
from .differences import explained
from .files import MockFiles
from .functions import Function, request_view, told_place
from .library import reader
from .mock import Found, ParsedMock
from .reach import check_reach
from .reading import parse_answer
from .recordings import MockNode, ReadFile

FUNCTION_FAILED = "mock_function_failed"  # the code of the error that the client gets
LONGEST_PROBLEM = 2000  # characters of what is told of it
WHAT_IT_RETURNS = 'a response, such as {"text": "…"}, or a text'


def computed(found: Found, files: MockFiles) -> Found:
    """What a function makes of a call; if it goes wrong, an error that says so, and a problem."""
    function, mock = found.answer.function, found.mock
    assert function
    try:
        value = returned(function, found)
        answer = read_answer(mock, function, value, reader(files.libraries()))
        lacking = answer.lacks(found.wire, found.call)
        if lacking:
            raise BadMock(f"{function.told}: can't answer this request: {explained(lacking)}")
    except BadMock as error:
        whose = ""
        if mock.name != function.told:
            whose = f'mock "{mock.name}": '
        return failed_function(found, f"{whose}{error}")
    return replace(found, answer=answer)


def failed_function(found: Found, problem: str) -> Found:
    """The error of a function that gave no answer."""
    if len(problem) > LONGEST_PROBLEM:  # the journal keeps it, too
        problem = problem[:LONGEST_PROBLEM] + "…"
    failure = Failure(500, problem.replace("{{", "{{{{"), code=FUNCTION_FAILED)
    if found.wire.has_status:  # where clients read a number (verified for OpenRouter's SDK)
        failure = replace(failure, code=None)
    return replace(found, answer=Answer(failure, 500, Delivery()), problem=problem)


def returned(function: Function, found: Found) -> Mapping[str, Json]:
    """What a function returns for a call, as JSON; BadMock says what is wrong with it, or that it
    raised an error, and where."""
    request = request_view(found.call, found.groups, found.used)
    try:
        value: Any = function.run(request)
    except BaseException as error:  # noqa: BLE001  pytest.fail() and SystemExit end no worker
        raise BadMock(f"{function.told} raised {raised(error, function)}") from None
    try:
        return returned_json(function, value)
    except BadMock:
        raise
    except BaseException as error:  # noqa: BLE001  it has methods of its own, which may do anything
        kind = type(error).__name__
        raise BadMock(f"{function.told} returned what can't be read: {kind}") from None


def returned_json(function: Function, value: Any) -> Mapping[str, Json]:
    """What a function returned, as the JSON of a response; BadMock if it is none."""
    if isinstance(value, str):
        return {"text": value}
    if hasattr(value, "__await__"):
        if hasattr(value, "close"):
            value.close()  # so that Python says no more of it
        raise BadMock(f"{function.told} returned a coroutine, expected {WHAT_IT_RETURNS}")
    if not isinstance(value, Mapping):
        what = "None" if value is None else shown(value)
        raise BadMock(f"{function.told} returned {what}, expected {WHAT_IT_RETURNS}")
    try:
        # A copy: what is done later to what was returned is no part of this answer.
        copy: Mapping[str, Json] = parse_json(utf8(compact(dict(value))))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadMock(f"{function.told} returned what is no JSON: {error}") from None
    return copy


def read_answer(
    mock: ParsedMock, function: Function, value: Mapping[str, Json], read: ReadFile
) -> Answer:
    """The answer that a returned response stands for, held to what its mock asks for; BadMock if it
    is none."""
    spec = {**parse_json(utf8(mock.canonical)), "response": value}
    spec.pop("responses", None)
    node = MockNode.whole(spec, function.told, read)
    response = node.get("response")
    groups = [name for condition in mock.conditions for name in condition.group_names]
    answer = parse_answer(response, groups)
    if answer.probability < 1:
        response.get("probability").fail("is drawn once a function has answered; draw in there")
    check_reach(node, mock.conditions, [response], [answer])
    return answer


def raised(error: BaseException, function: Function) -> str:
    """An error in a line, and the line of the function's own file at which it was raised."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001  an error of its own may do anything here
        text = ""
    told = type(error).__name__ + (f": {text}" if text else "")
    line = line_in(error.__traceback__, function.file)
    if line:
        told += f", at {told_place(function.file, line)}"
    return told


def line_in(traceback: Optional[TracebackType], file: str) -> int:
    """The innermost line of a traceback that is in a file; 0 if there is none."""
    line = 0
    while traceback:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
