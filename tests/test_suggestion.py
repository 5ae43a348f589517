"""The mock that is suggested for a request: added as it is, it answers that request."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Optional, Tuple

from samples import SAMPLES, answerer, request_of

import mock_server as m


def asked_in(answers: m.Answerer, request: m.Request) -> m.Asked:
    """A request as the journal keeps it with its answer."""
    head = m.Head(request.method, request.path, 1, request.headers)
    return m.asked_of(request, head, answers.answer(request))


def suggested(request: m.Request, **settings: Any) -> Tuple[Optional[Dict[str, Any]], m.Answered]:
    """What is suggested for a request that no mock answers, and its answer with that mock, which
    went over the wire like any other."""
    answers = answerer(**settings)
    found = m.suggestion_for(asked_in(answers, request))
    if found:
        sent = m.parse_request(m.utf8(m.compact(found)), unique=True)
        answers.mocks.session("").add([sent])
    return found, answers.answer(request)


def samples() -> Iterator[Tuple[type, bool]]:
    """Each wire format, whole and streamed."""
    for kind, (_, _, stream_path, _) in SAMPLES.items():
        yield kind, False
        if stream_path:
            yield kind, True


def test_the_suggestion_answers_the_sample_of_every_wire_format_whole_and_streamed() -> None:
    wrong: List[Any] = []
    for kind, stream in samples():
        found, answered = suggested(request_of(kind, stream))
        if not found or answered.mock != "added-1" or answered.response.status != 200:
            wrong.append((kind.__name__, stream, found, answered.note))
    assert wrong == []


def chat(text: Any, **more: Any) -> m.Request:
    """A chat of OpenAI's, as a gateway sends it."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return request_of(m.OpenAIChat, body=json.dumps(body).encode())


LONG = "Summarise what follows in one sentence. " * 3
# What a user says, and what is asked for of it.
TEXTS = {
    "Hi": "Hi",
    'a "quoted" \\ text': 'a "quoted" \\ text',
    "{{user}} {{": "{{user}} {{",
    "{{" * 5000: {"contains": "{{" * 40},
    "x" * 1_000_000: {"contains": "x" * 80},
    "\n" * 1000 + "the question": {"contains": "the question"},
    LONG: {"contains": LONG[:79]},
    "short\nand then a line that tells more": {"contains": "and then a line that tells more"},
    "half a \ud800 character": {"contains": "character"},
    "a\x00b\x1b[31mred": {"contains": "[31mred"},
    "\N{GRINNING FACE}" * 200: {"contains": "\N{GRINNING FACE}" * 80},
    "@a/file": "@a/file",
    "": None,
    " \n ": None,
    "\ud800": None,
}


def test_whatever_a_user_says_the_suggestion_asks_for_what_can_be_read_of_it() -> None:
    for text, expected in TEXTS.items():
        found, answered = suggested(chat(text))
        assert found, text[:50]
        assert found["match"].get("user") == expected, text[:50]
        assert (answered.mock, answered.response.status) == ("added-1", 200), text[:50]


def test_the_suggestion_is_short_and_fits_what_was_asked() -> None:
    tool = [
        {"role": "user", "content": "Hi"},
        {"role": "tool", "content": "22", "tool_call_id": "c"},
    ]
    other = m.Request("PUT", "/a/b", {"q": "x", "key": "s"}, {}, b'{"a": 1}')
    cases: List[Tuple[m.Request, Any, Any]] = [
        (chat("", messages=tool), {"model": "m", "user": "Hi", "tool_result": "22"}, "text"),
        (other, {"method": "PUT", "path": "/a/b", "query": {"q": "x"}}, "body"),
        (
            m.Request("GET", "/v1/chat/completions"),
            {"method": "GET", "path": "/v1/chat/completions"},
            "body",
        ),
    ]
    for request, match, key in cases:
        found, answered = suggested(request)
        assert found and found["match"] == match
        assert list(found["response"]) == [key] and answered.mock == "added-1"


def test_where_only_a_body_can_be_said_it_is_the_one_that_there_was() -> None:
    answers = answerer()
    asked = asked_in(answers, request_of(m.OpenAIModels))
    body = {"object": "list", "data": []}
    for answer, expected in (
        ({"status": 200, "body": body}, body),
        ({"status": 404, "body": body}, {"message": m.USUAL_TEXT}),
        ({"status": 200, "body": {"data": "x" * 3000}}, {"message": m.USUAL_TEXT}),
        (None, {"message": m.USUAL_TEXT}),
    ):
        found = m.suggestion_for(asked, answer)
        assert found and found["response"] == {"body": expected}


def test_what_strict_refused_is_answered_all_the_same() -> None:
    lonely = [{"role": "tool", "tool_call_id": "c", "content": "x"}]
    for strict in (False, True):
        found, answered = suggested(chat("", messages=lonely), strict=strict)
        assert found and found.get("strict") == (False if strict else None)
        assert (answered.mock, answered.response.status) == ("added-1", 200)


def test_there_is_none_where_no_mock_could_have_answered() -> None:
    broken = request_of(m.OpenAIChat, body=b"{")
    wrong = request_of(m.OpenAIChat, body=b'{"model": 3}')
    keyless = request_of(m.OpenAIChat)
    preflight = m.Request("OPTIONS", "/v1/models", {}, {"access-control-request-method": "GET"})
    for request, settings in (
        (broken, {}),
        (wrong, {}),
        (keyless, {"require_auth": True}),
        (preflight, {}),
    ):
        assert suggested(request, **settings)[0] is None
