"""Tests of the assistant: each has a model of its own, which says what the test needs."""

import pytest


def test_it_says_what_the_model_says(llm, assistant):
    llm.mock(match={"user": "ping"}, response={"text": "pong"})
    assert assistant.ask("ping") == "pong"


def test_it_asks_the_tool_and_tells_the_model(llm, assistant):
    call = {"name": "weather", "arguments": {"city": "Oslo"}}
    llm.mock(match={"tool_result": None}, response={"tool_calls": [call]})
    llm.mock(match={"tool_result": "rain in Oslo"}, response={"text": "Take an umbrella."})
    assert assistant.ask("How is the weather in Oslo?") == "Take an umbrella."


def test_it_remembers_the_conversation(llm, assistant):
    llm.mock(response=lambda request: f"{request.turn} answers before {request.user}")
    assert assistant.ask("this") == "0 answers before this"
    assert assistant.ask("that") == "1 answers before that"


def test_it_asks_again_when_the_model_has_no_time(llm, assistant):
    busy = {"error": {"kind": "rate_limit"}, "headers": {"retry-after": "0"}}
    llm.mock(responses=[busy, busy, {"text": "at last"}])
    assert assistant.ask("ping") == "at last"
    assert [request["status"] for request in llm.requests] == [429, 429, 200]


def test_it_gives_up_after_three_times(llm, assistant):
    llm.mock(response={"error": {"kind": "rate_limit"}, "headers": {"retry-after": "0"}})
    with pytest.raises(OSError, match="429"):
        assistant.ask("ping")
    assert len(llm.wait_for(ended=True, count=3)) == 3


def test_words_are_there_before_the_answer_is_complete(llm, assistant):
    llm.mock(response={"text": "one two three", "gate": 1})
    words = (word for word in assistant.stream("count") if word)
    assert next(words) == "one"
    (request,) = llm.requests
    assert request["ended"] is None  # the rest waits at the gate
    llm.release(request["id"], events=10)
    assert "".join(words) == " two three"
