"""openai: what follows a create of Responses, at OpenAI's paths and at Azure's."""

from __future__ import annotations

from typing import Any, Iterator, List

import openai
import pytest
from conftest import Plain
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

MODEL = "gpt-5-mini"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
MOCKS = [
    {
        "match": {"user": "break"},
        "response": {"text": TEXT, "fault": "reset", "after_events": 6},
    },
    {
        "match": {"user": "stop"},
        "response": {"text": TEXT, "error": {"kind": "overloaded"}, "after_events": 7},
    },
    {"match": {"api": "compact"}, "response": {"text": "They said hello."}},
    {"response": {"reasoning": "Let me see.", "text": TEXT}},
]
WAYS = ["openai", "openai, async", "azure", "azure v1"]
INPUT = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "12 degrees"},
    {"role": "user", "content": [{"type": "input_text", "text": "Ho"}]},
]


def connect(way: str, url: str) -> Plain:
    """A client that does not retry, and takes nothing that its types don't say."""
    options: Any = {"api_key": "key", "max_retries": 0, "_strict_response_validation": True}
    if way == "azure":
        sdk: Any = AzureOpenAI(azure_endpoint=url, api_version="2025-04-01-preview", **options)
    else:
        kind = AsyncOpenAI if "async" in way else OpenAI
        prefix = "/openai/v1" if way == "azure v1" else "/v1"
        sdk = kind(base_url=url + prefix, **options)
    return Plain(sdk)


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of each way."""
    with connect(request.param, server) as found:
        yield found


def create(client: Plain, text: Any, **more: Any) -> Any:
    """What a create comes to: the response, or the events of its stream."""
    return client(lambda sdk: sdk.responses.create(model=MODEL, input=text, **more))


def retrieve(client: Plain, name: str, **more: Any) -> Any:
    """A response, or its events, once more."""
    return client(lambda sdk: sdk.responses.retrieve(name, **more))


def test_a_response_is_retrieved_and_deleted(client: Plain) -> None:
    made = create(client, "hello", instructions="Be brief.", metadata={"a": "b"})
    assert made.output_text == TEXT
    assert retrieve(client, made.id) == made
    thought = retrieve(client, made.id, include=["reasoning.encrypted_content"]).output[0]
    assert thought.encrypted_content
    assert client(lambda sdk: sdk.responses.delete(made.id)) is None
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{made.id}' not found"):
        retrieve(client, made.id)
    with pytest.raises(openai.NotFoundError):
        client(lambda sdk: sdk.responses.delete(made.id))
    unstored = create(client, "hello", store=False)
    with pytest.raises(openai.NotFoundError):
        retrieve(client, unstored.id)


def test_a_stream_is_replayed_from_any_event_on(client: Plain) -> None:
    events = create(client, "replayed", stream=True)
    name = events[0].response.id
    assert retrieve(client, name, stream=True) == events
    assert retrieve(client, name, stream=True, starting_after=0) == events[1:]
    assert retrieve(client, name, stream=True, starting_after=len(events) - 1) == []


def test_a_stream_whose_connection_broke_is_taken_up_again(server: str) -> None:
    with OpenAI(base_url=server + "/v1", api_key="key", max_retries=0) as sdk:
        begun: List[Any] = []
        with pytest.raises(Exception):  # noqa: B017  httpx's own, or the SDK's of a later version
            for event in sdk.responses.create(
                model=MODEL, input="break", background=True, stream=True
            ):
                begun.append(event)
        assert len(begun) == 6
        name, seen = begun[0].response.id, begun[-1].sequence_number
        rest = list(sdk.responses.retrieve(name, stream=True, starting_after=seen))
        assert [event.sequence_number for event in begun + rest] == list(range(6 + len(rest)))
        assert rest[-1].response == sdk.responses.retrieve(name)
        assert rest[-1].response.output_text == TEXT


def test_a_stream_that_breaks_off_leaves_a_failed_response(client: Plain) -> None:
    name = ""

    async def read() -> None:
        nonlocal name
        stream = client.sdk.responses.create(model=MODEL, input="stop", stream=True)
        stream = await stream if hasattr(stream, "__await__") else stream
        if hasattr(stream, "__aiter__"):
            async for event in stream:
                name = name or event.response.id
        else:
            for event in stream:
                name = name or event.response.id

    with pytest.raises(openai.APIError):
        client(lambda sdk: read())
    failed = retrieve(client, name)
    assert failed.status == "failed" and failed.error.code == "server_error"


def test_a_response_in_the_background_is_polled(client: Plain) -> None:
    queued = create(client, "background", background=True)
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    assert queued.usage is None and queued.completed_at is None
    polled = [retrieve(client, queued.id) for _ in range(3)]
    assert [one.status for one in polled] == ["in_progress", "completed", "completed"]
    assert polled[1].output_text == TEXT and polled[1].completed_at
    with pytest.raises(openai.BadRequestError, match="store"):
        create(client, "background", background=True, store=False)


def test_a_response_in_the_background_is_cancelled(client: Plain) -> None:
    queued = create(client, "cancelled", background=True)
    cancelled = client(lambda sdk: sdk.responses.cancel(queued.id))
    assert (cancelled.id, cancelled.status) == (queued.id, "cancelled")
    assert retrieve(client, queued.id) == cancelled
    made = create(client, "hello")
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        client(lambda sdk: sdk.responses.cancel(made.id))


def test_a_stream_in_the_background_says_that_it_is_queued(client: Plain) -> None:
    events = create(client, "background, streamed", background=True, stream=True)
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert events[-1].response == retrieve(client, events[0].response.id)


def test_the_input_is_listed_page_by_page(client: Plain) -> None:
    made = create(client, INPUT)

    def listed(**more: Any) -> Any:
        return client(lambda sdk: sdk.responses.input_items.list(made.id, **more))

    pages = listed(order="asc")
    items = pages if isinstance(pages, list) else pages.data
    kinds = ["message", "message", "function_call", "function_call_output", "message"]
    assert [item.type for item in items] == kinds
    assert items[1].content[0].type == "output_text"
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant", "user"]

    async def paged() -> List[Any]:
        found = client.sdk.responses.input_items.list(made.id, limit=2)
        if hasattr(found, "__aiter__"):
            return [item async for item in found]
        return list(found)

    assert client(lambda sdk: paged()) == items[::-1]
    last = create(client, "more", previous_response_id=made.id)
    behind = client(lambda sdk: sdk.responses.input_items.list(last.id, order="asc", limit=100))
    behind = behind if isinstance(behind, list) else behind.data
    assert behind[:5] == items and behind[-1].content[0].text == "more"
    assert [item.type for item in behind[5:7]] == ["reasoning", "message"]


def test_a_conversation_is_compacted(server: str) -> None:
    # Its type has no messages of the user, which its documentation says are there.
    with OpenAI(base_url=server + "/v1", api_key="key", max_retries=0) as sdk:
        compacted = sdk.responses.compact(model=MODEL, input=INPUT)
        assert (compacted.object, compacted.usage.total_tokens > 0) == ("response.compaction", True)
        assert [item.type for item in compacted.output] == ["message", "message", "compaction"]
        again: Any = [item.to_dict(warnings=False) for item in compacted.output]
        assert sdk.responses.create(model=MODEL, input=again).output_text == TEXT
