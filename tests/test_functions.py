"""Functions that answer: what they are given, what they may return, and what goes wrong in them."""

from __future__ import annotations

import functools
import json
import re
import threading
from typing import Any, Callable, Dict, List
from unittest.mock import AsyncMock, Mock

import pytest
from clients import chat, control
from mocked import texts_of
from samples import answerer, bytes_of, complaint_of, request_of

import mock_server as m
from mock_server import MockServer

LINE = r"(?:tests/)?test_functions\.py:\d+"  # told from where the tests are started
PLACE = rf"\({LINE}\)"


def answering(*mocks: Any, **settings: Any) -> m.Answerer:
    """An answerer with mocks that JSON can't hold, the first one first."""
    answers = answerer(**settings)
    answers.mocks.session("").add(mocks)
    return answers


def asked(answers: m.Answerer, kind: type = m.OpenAIChat, *more: Any, **other: Any) -> m.Answered:
    return answers.answer(request_of(kind, *more, **other))


def test_a_function_is_given_what_mocks_match_on_and_what_they_found() -> None:
    given: List[Any] = []
    match = {"user": {"regex": "(?P<letter>H)i"}}
    answers = answering({"match": match, "response": lambda one: given.append(one) or "x"})
    body = {"metadata": {"a": [1]}, "stream": True}
    headers = {"x-a": "1", "authorization": "Bearer sk-secret"}
    for _ in range(2):
        asked(answers, m.OpenAIChat, more=body, headers=headers)
    first, second = given
    assert (first.provider, first.api, first.model) == ("openai", "chat", "gpt-4o-mini")
    assert (first.user, first.system, first.turn, first.stream) == ("Hi", "Be brief.", 0, True)
    assert (first.use, second.use, first.groups) == (0, 1, {"letter": "H"})
    assert first.body["metadata"] == {"a": [1]} and first.headers["x-a"] == "1"
    assert "secret" not in repr(first)
    names = set(m.MATCH_KEYS) - {"fields"}  # which `body` holds
    assert names <= set(m.field_names(m.MockRequest))
    first.body["metadata"]["a"] = 2
    assert second.body["metadata"] == {"a": [1]}
    with pytest.raises(TypeError):
        first.headers["x-a"] = "2"


RETURNED = [
    ("two words", "two words"),
    ({"text": "two words"}, "two words"),
    ({"text": "{{user}}"}, "Hi"),
    (
        {"parts": [{"reasoning": "Hm."}, {"text": "two words"}], "usage": {"input_tokens": 3}},
        "two words",
    ),
]


def test_it_may_return_any_response_for_any_provider_whole_and_streamed() -> None:
    for returned, text in RETURNED:
        spec = returned if isinstance(returned, dict) else {"text": returned}
        constant, made = (
            answering({"response": spec}),
            answering({"response": Mock(return_value=returned)}),
        )
        for kind in (
            m.OpenAIChat,
            m.AnthropicMessages,
            m.GeminiGenerate,
            m.BedrockConverse,
            m.OllamaChat,
        ):
            for stream in (False, True):
                expected, found = (asked(one, kind, stream) for one in (constant, made))
                assert bytes_of(found.response) == bytes_of(expected.response), (kind, stream)
                assert found.response.status == 200 and not found.note
        assert texts_of(made, 1) == [text]
    vectors = answering({"match": {"operation": "embed"}, "response": lambda _: {"embedding": [1]}})
    assert json.loads(asked(vectors, m.OpenAIEmbeddings).response.body)["data"][0]["embedding"]
    slow = answering({"response": lambda _: {"status": 429, "error": "slow", "delay": 2}})
    found = asked(slow).response
    assert (found.status, complaint_of(found.body), found.delivery.delay) == (429, "slow", 2)


def test_every_answer_is_made_anew_and_uses_go_on_as_they_do() -> None:
    numbers = iter(range(9))
    answers = answering({"response": lambda _: f"{next(numbers)}"})
    assert texts_of(answers, 3) == ["0", "1", "2"]
    turns = [{"text": "a"}, lambda one: f"b{one.use}", {"text": "c"}]
    assert texts_of(answering({"responses": turns, "cycle": True}), 5) == [
        "a",
        "b1",
        "c",
        "a",
        "b4",
    ]
    once = answering({"response": lambda _: "1", "times": 1}, {"response": {"text": "2"}})
    assert texts_of(once, 2) == ["1", "2"]


def boom(request: Any) -> Any:
    text = request.user
    return {}[text]


def stopped(request: Any) -> Any:
    pytest.fail("not this")


class Escaping(Exception):
    """An error that ends a thread if somebody reads it."""

    def __str__(self) -> str:
        raise SystemExit


class Trap(Dict[str, Any]):
    """A response that ends one."""

    def __iter__(self) -> Any:
        raise KeyboardInterrupt

    keys = __iter__


def escaping(request: Any) -> Any:
    raise Escaping


def wordy(request: Any) -> Any:
    raise ValueError("x" * 100_000)


WRONG: List[Any] = [
    (escaping, rf"function escaping {PLACE} raised Escaping, at .+"),
    (wordy, rf"function wordy {PLACE} raised ValueError: x{{1000,2000}}…"),
    (lambda _: Trap(), rf"lambda {PLACE} returned what can't be read: KeyboardInterrupt"),
    (boom, rf"function boom {PLACE} raised KeyError: 'Hi', at {LINE}"),
    (stopped, rf"function stopped {PLACE} raised Failed: not this, at .+"),
    (lambda: "x", rf"lambda {PLACE} raised TypeError: .+ 1 was given"),
    (lambda _: None, rf"lambda {PLACE} returned None, expected a response, such as .+"),
    (lambda _: 5, rf"lambda {PLACE} returned 5, expected a response, .+"),
    (
        lambda _: {"txet": "x"},
        rf'lambda {PLACE}: response\.txet: unknown key; did you mean "text"\?',
    ),
    (lambda _: {"text": "{{citty}}"}, rf"lambda {PLACE}: response\.text: .*citty.*"),
    (lambda _: {"extra": {1}}, rf"lambda {PLACE} returned what is no JSON: .+"),
    (lambda _: {"embedding": [1]}, rf"lambda {PLACE}: response: can never be given: .+"),
    (lambda _: {"body": "@a.json"}, rf"lambda {PLACE}: response\.body: @a\.json needs a data .+"),
    (
        lambda _: {"error": "x", "probability": 0.5},
        rf"lambda {PLACE}: response\.probability: is drawn once a function has answered; .+",
    ),
]


def test_what_goes_wrong_is_a_500_in_the_providers_shape_that_names_the_function() -> None:
    for function, expected in WRONG:
        answers = answering({"response": function})
        for kind in (m.OpenAIChat, m.AnthropicMessages, m.GeminiGenerate):
            found = asked(answers, kind)
            assert found.response.status == 500 and not found.is_repeatable
            assert re.fullmatch(expected, found.note), found.note
            assert complaint_of(found.response.body) == found.note
            assert found.unmatched  # no mock answered it, so that verify() tells of it
            assert re.search(PLACE, found.mock)
    named = answering({"name": "a", "response": boom}, {"response": {"text": "x"}})
    assert asked(named).note.startswith('mock "a": function boom (')
    streaming = answering({"match": {"stream": False}, "response": lambda _: {"events": [{}]}})
    assert "can never be given: stream is false" in asked(streaming).note


class Answering:
    def __call__(self, request: Any) -> str:
        return "from an object"


async def coroutine(request: Any) -> str:
    return "x"


def generator(request: Any) -> Any:
    yield "x"


def test_whatever_can_be_called_is_a_function_unless_it_would_have_to_be_awaited() -> None:
    bound: Callable[[Any], str] = functools.partial(lambda text, request: text, "partial")
    for function, text in [
        (Answering(), "from an object"),
        (bound, "partial"),
        (Mock(return_value={"text": "mocked"}), "mocked"),
    ]:
        assert texts_of(answering({"response": function}), 1) == [text]
    for wrong, expected in [
        (coroutine, rf"function coroutine {PLACE} is a coroutine function, .+"),
        (generator, rf"function generator {PLACE} is a generator, .+"),
        (AsyncMock(), "an object of AsyncMock is a coroutine function, .+"),
    ]:
        for spec in ({"response": wrong}, {"responses": [{"text": "x"}, wrong]}):
            with pytest.raises(m.BadMock, match=expected):
                answering(spec)
    found = asked(answering({"response": lambda request: coroutine(request)}))
    assert re.search(f"lambda {PLACE} returned a coroutine, expected", found.note)
    for elsewhere in ({"text": boom}, {"extra": {"a": boom}}, [boom]):
        with pytest.raises(m.BadMock):
            answering({"response": elsewhere})


def test_mocks_and_what_was_never_used_are_told_by_the_functions_name() -> None:
    answers = answering({"match": {"user": "Ho"}, "response": boom})
    (told,) = m.Operations(answers.mocks, m.Journal(), "").mocks_json()
    assert re.fullmatch(f"function boom {PLACE}", told["name"])
    assert told["source"] == {"match": {"user": "Ho"}, "response": told["name"]}
    assert f'closest is "{told["name"]}" (added-1): user is "Hi"' in asked(answers).note


def test_functions_that_wait_delay_nobody_but_other_functions(server: MockServer) -> None:
    begun, waits = threading.Semaphore(0), threading.Event()
    threads: List[str] = []

    def answer(request: Any) -> str:
        threads.append(threading.current_thread().name)
        begun.release()
        assert waits.wait(10)
        return "late"

    server.mock(match={"user": "wait"}, response=answer)
    late: List[str] = []
    asking = [
        threading.Thread(target=lambda: late.append(chat(server.port, "wait")[1]))
        for _ in range(m.WORKERS)
    ]
    for one in asking:
        one.start()
    for _ in asking:
        assert begun.acquire(timeout=10)
    assert chat(server.port, "now")[1] == "pong"
    # What takes long itself, as the journal does, has threads of its own.
    assert control(server.port, "GET", "/requests")[0] == 200
    waits.set()
    for one in asking:
        one.join(10)
    assert (late, threads) == (["late"] * m.WORKERS, ["worker"] * m.WORKERS)


def test_a_function_may_name_files_of_the_data_directory(folder: Callable[..., str]) -> None:
    path = folder({"recordings/a.json": {"choices": []}})
    answers = m.Answerer(m.Mocks([path]), m.Settings())
    spec = {"response": lambda _: {"body": "@recordings/a.json"}}
    answers.mocks.session("").add([spec])
    assert json.loads(asked(answers).response.body) == {"choices": []}
