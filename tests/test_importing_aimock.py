"""Fixtures of aimock as mocks: what each key comes to, and what is told of what can't be said."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from cases import cases

import mock_server as m

Mocks = List[Any]


def mocks_of(*fixtures: Any) -> m.FixtureMocks:
    """What the fixtures of a file come to."""
    return m.fixture_mocks({"fixtures": list(fixtures)})


def fixture(match: Any, response: Any = None, **beside: Any) -> Dict[str, Any]:
    """A fixture."""
    return {"match": match, "response": response or {"content": "x"}, **beside}


ANSWER = {"text": "x"}
CLOSED = {**ANSWER, "chunk_size": 20, "fault": "close"}
ONE_CALL = {"tool_calls": [{"name": "f", "arguments": {"a": 1}, "id": "call_1"}]}
HELLO = {"user": {"contains": "hi"}}

# Of a `match`: aimock's, and a mock's.
MATCHES: List[Tuple[Any, Any]] = [
    ({"userMessage": "hi"}, HELLO),
    ({"userMessage": ""}, {"user": {"glob": "*"}}),
    ({"userMessage": ".*"}, {"user": {"contains": ".*"}}),  # no regular expression in a file
    ({"systemMessage": "Alice"}, {"system": {"contains": "Alice"}}),
    ({"systemMessage": ["a.b", "c"]}, {"system": {"regex": r"(?s)\A(?=.*a\.b)(?=.*c)"}}),
    ({"systemMessage": ""}, {"system": {"glob": "?*"}}),
    ({"model": "gpt-4.1"}, {"model": {"regex": r"^gpt-4\.1(-[0-9]|$)"}}),
    ({"toolName": "look"}, {"tools": ["look"]}),
    ({"toolCallId": "call_1"}, {"tool_call_id": "call_1"}),
    ({"hasToolResult": True}, {"tool_result": {"glob": "*"}}),
    ({"hasToolResult": False}, {"tool_result": None}),
    ({"toolResultContains": "ok", "hasToolResult": True}, {"tool_result": {"contains": "ok"}}),
    ({"turnIndex": 2}, {"turn": 2}),
    ({"responseFormat": "json_object"}, {"fields": {"response_format.type": "json_object"}}),
    ({"context": "agent"}, {"headers": {"x-aimock-context": "agent"}}),
    ({"endpoint": "chat", "userMessage": "hi"}, HELLO),
    (
        {"userMessage": "my key is sk-abcdefghijklmnopqrstuvwxyz01 (a)"},
        {"user": {"regex": r"my key is .+ \(a\)"}},
    ),
]

# Of a `response`: aimock's, and the mocks that come of it, but for what they ask of the user.
RESPONSES: List[Tuple[Any, Mocks]] = [
    ({"content": "a {{b}}"}, [({}, {"text": "a {{{{b}}"})]),
    ({"content": {"n": 1.0}}, [({}, {"text": {"n": 1}})]),
    ({"toolCalls": [{"name": "f", "arguments": '{"a": 1}', "id": "call_1"}]}, [({}, ONE_CALL)]),
    (
        {"content": "x", "reasoning": "r", "toolCalls": [{"name": "f", "arguments": {}}]},
        [({}, {"reasoning": "r", "text": "x", "tool_calls": [{"name": "f", "arguments": {}}]})],
    ),
    (
        {
            "blocks": [
                {"type": "toolCall", "name": "f", "arguments": {}},
                {"type": "text", "text": "x"},
            ],
            "content": "x",
        },
        [({}, {"parts": [{"tool_calls": [{"name": "f", "arguments": {}}]}, {"text": "x"}]})],
    ),
    (
        {
            "content": "x",
            "id": "r1",
            "model": "m1",
            "finishReason": "length",
            "role": "assistant",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        },
        [
            (
                {},
                {
                    **ANSWER,
                    "id": "r1",
                    "model": "m1",
                    "finish_reason": "length",
                    "usage": {"input_tokens": 3, "output_tokens": 0},
                },
            )
        ],
    ),
    (
        {"content": "x", "created": 5, "systemFingerprint": "fp"},
        [
            (m.FOR_CHAT, {**ANSWER, "extra": {"created": 5, "system_fingerprint": "fp"}}),
            (m.FOR_RESPONSES, {**ANSWER, "extra": {"created_at": 5}}),
            ({}, ANSWER),
        ],
    ),
    (
        {"content": "x", "webSearches": ["q"]},
        [
            (
                m.FOR_RESPONSES,
                {
                    "parts": [
                        {
                            "block": {
                                "type": "web_search_call",
                                "status": "completed",
                                "action": {"type": "search", "query": "q"},
                            }
                        },
                        {"text": "x"},
                    ]
                },
            ),
            ({}, ANSWER),
        ],
    ),
    (
        {
            "content": "x",
            "reasoning": "r",
            "reasoningSignature": "c2ln",
            "redactedThinking": ["cg"],
        },
        [
            (
                m.FOR_MESSAGES,
                {
                    "parts": [
                        {"block": {"type": "redacted_thinking", "data": "cg"}},
                        {"block": {"type": "thinking", "thinking": "r", "signature": "c2ln"}},
                        {"text": "x"},
                    ]
                },
            ),
            ({}, {"reasoning": "r", "text": "x"}),
        ],
    ),
    (
        {"error": {"message": "slow", "type": "t", "code": "c"}, "status": 429, "retryAfter": 7},
        [
            (
                {},
                {
                    "status": 429,
                    "error": {"message": "slow", "type": "t", "code": "c"},
                    "headers": {"retry-after": "7"},
                },
            )
        ],
    ),
    ({"error": {"message": "m"}}, [({}, {"status": 500, "error": {"message": "m"}})]),
    (
        {"audio": "AAEC", "format": "wav"},
        [
            (
                {"operation": "audio", "api": "speech"},
                {"raw": {"base64": "AAEC"}, "headers": {"content-type": "audio/wav"}},
            )
        ],
    ),
    (
        {"image": {"url": "https://a/b.png"}},
        [
            (
                {"operation": "image", "provider": ["openai", "azure"]},
                {"body": {"created": m.PICTURES_MADE, "data": [{"url": "https://a/b.png"}]}},
            )
        ],
    ),
]

# Of what stands beside both: keys, and the mocks that come of them, but for what they ask of the
# user.
BESIDE: List[Tuple[Any, Mocks]] = [
    ({"chunkSize": 5}, [({}, {**ANSWER, "chunk_size": 5})]),
    (
        {"latency": 100},
        [({}, {**ANSWER, "pace": {"first": 0.1, "between": 0.1}, "chunk_size": 20})],
    ),
    (
        {"streamingProfile": {"ttft": 200, "tps": 40, "jitter": 0.1}},
        [
            (
                {},
                {
                    **ANSWER,
                    "pace": {"first": 0.2, "between": 0.025, "jitter": 0.1},
                    "chunk_size": 20,
                },
            )
        ],
    ),
    (
        {"recordedTimings": {"ttftMs": 300, "interChunkDelaysMs": [100, 200]}, "replaySpeed": 2},
        [({}, {**ANSWER, "pace": {"first": 0.15, "between": 0.075}, "chunk_size": 20})],
    ),
    (
        {"truncateAfterChunks": 3},
        [({"stream": True}, {**CLOSED, "after_events": 3}), ({}, {**ANSWER, "chunk_size": 20})],
    ),
    (
        {"latency": 50, "disconnectAfterMs": 180},
        [
            (
                {"stream": True},
                {**CLOSED, "pace": {"first": 0.05, "between": 0.05}, "after_events": 3},
            ),
            ({}, {**ANSWER, "pace": {"first": 0.05, "between": 0.05}, "chunk_size": 20}),
        ],
    ),
    ({"chaos": {"dropRate": 1, "malformedRate": 1}}, [({}, m.DROPPED)]),
    (
        {"chaos": {"dropRate": 0.25, "rateLimitRate": 0.5, "malformedRate": 0.5}},
        [
            ({}, {**m.DROPPED, "probability": 0.25}),
            ({}, {**m.LIMITED, "probability": 0.25}),
            ({}, {**ANSWER, "fault": "malformed", "probability": 0.666666667}),
        ],
    ),
    (
        {"chaos": {"disconnectRate": 0.5, "latencyMs": 500}},
        [({}, {**ANSWER, "fault": "close", "probability": 0.5, "delay": 0.5})],
    ),
    ({"metadata": {"systemHash": "a"}}, [({}, ANSWER)]),
]

UNUSABLE: List[Tuple[Any, str]] = [
    (5, "fixture: expected an object, found 5"),
    ({"response": {"content": "x"}}, "match: expected an object, found null"),
    (fixture({"userMessage": 5}), "match.userMessage: expected a string, found 5"),
    (fixture({"userMessage": {}}), "match.userMessage: expected a string, found {}"),
    (fixture({"predicate": "x"}), "match.predicate is code, which no file of fixtures can hold"),
    (fixture({"turnIndex": -1}), "match.turnIndex: expected an integer, at least 0, found -1"),
    (
        fixture({"hasToolResult": False, "toolCallId": "c"}),
        "match.toolCallId and hasToolResult false never hold together",
    ),
    (
        fixture({"inputText": "a"}),
        "match.inputText never holds for a request of the endpoint chat",
    ),
    (
        fixture({"endpoint": "image"}),
        'match.endpoint "image" has no answer of this kind',
    ),
    (
        fixture({"endpoint": "video"}),
        'match.endpoint "video" is an API that this server has not',
    ),
    (
        fixture({"userMessage": "a"}, {"embedding": [1]}),
        "match.userMessage never holds for a request of the endpoint embedding",
    ),
    (fixture({}, {"live": {}}), "response.live is of an API that this server has not"),
    (fixture({}, {"video": {"id": "v"}}), "response.video is of an API that this server has not"),
    (fixture({}, {"json": 1}), "response.json is of an API that this server has not"),
    (
        fixture({}, {"x": 1}),
        "response has none of error, live, audio, blocks, content, toolCalls, ",
    ),
    (
        fixture({}, {"toolCalls": [{"name": "f", "arguments": "{"}]}),
        'response.toolCalls[0].arguments: expected an object, found "{"',
    ),
    (fixture({}, {"error": {"message": "m"}, "status": 777}), "response.status: expected one from"),
    (fixture({}, {"embedding": []}), "response.embedding: expected an array of numbers"),
    (
        fixture({}, chaos={"dropRate": 2}),
        "chaos.dropRate: expected a number from 0 to 1, found 2",
    ),
    (fixture({"sequenceIndex": 1}), "match.sequenceIndex 1 never comes, for there is no 0"),
]

NOTES: List[Tuple[Any, str]] = [
    (fixture({"foo": 1}), "match.foo is nothing that aimock knows, and is left out"),
    (fixture({}, comment="c"), "comment is nothing that aimock knows, and is left out"),
    (fixture({}, {"content": "x", "role": "tool"}), "response.role can't be said"),
    (
        fixture({}, {"content": "x", "usage": {"cost": 1}}),
        "response.usage.cost is not among the counts that a mock has",
    ),
    (
        fixture({}, {"content": "x", "usage": {"prompt_tokens": 1, "total_tokens": 9}}),
        "response.usage.total_tokens is left out: it is always the sum here",
    ),
    (fixture({}, {"embedding": [1]}, latency=5), "latency is of streams alone"),
    (fixture({}, truncateAfterChunks=999), "truncateAfterChunks never comes"),
    (fixture({}, disconnectAfterMs=100), "disconnectAfterMs comes too late"),
    (fixture({}, openRouterProcessing=True), "openRouterProcessing is left out"),
    (
        fixture({}, chaos={"malformedRate": 1, "disconnectRate": 1}),
        "chaos.disconnectRate is left out: an answer has one fault",
    ),
    (
        fixture({"sequenceIndex": 0}, {"content": "x", "created": 5}),
        "response is the same for all APIs in a sequence",
    ),
]


@cases("match, expected", MATCHES)
def test_a_match_asks_for_the_same(match: Any, expected: Any) -> None:
    found = mocks_of(fixture(match))
    assert found.mocks == ({"match": expected, "response": ANSWER},) and not found.unusable


def check_answers(found: m.FixtureMocks, expected: Mocks) -> None:
    """Each mock asks for the same of the user, and for its own; nothing is lost."""
    told = [
        ({key: value for key, value in mock["match"].items() if key != "user"}, mock["response"])
        for mock in found.mocks
    ]
    assert (told, found.unusable, found.notes) == (expected, (), ())
    assert all(mock["match"]["user"] == HELLO["user"] for mock in found.mocks)


@cases("response, expected", RESPONSES)
def test_a_response_says_the_same(response: Any, expected: Mocks) -> None:
    check_answers(mocks_of(fixture({"userMessage": "hi"}, response)), expected)


@cases("beside, expected", BESIDE)
def test_it_is_as_fast_and_breaks_at_the_same_place(beside: Any, expected: Mocks) -> None:
    check_answers(mocks_of(fixture({"userMessage": "hi"}, **beside)), expected)


@cases("entry, reason", UNUSABLE)
def test_a_fixture_that_no_mock_can_say_is_told_with_the_reason(entry: Any, reason: str) -> None:
    found = mocks_of(entry)
    assert not found.mocks
    (told,) = found.unusable
    assert told.startswith(f"fixtures[0]: {reason}")


@cases("entry, note", NOTES)
def test_what_of_a_fixture_is_left_out_is_told(entry: Any, note: str) -> None:
    found = mocks_of(entry)
    assert found.used == 1 and not found.unusable
    assert found.notes[0].startswith(f"fixtures[0]: {note}")


def test_a_sequence_is_answers_in_turn_and_then_no_mock_at_all() -> None:
    found = mocks_of(
        fixture({"userMessage": "a", "sequenceIndex": 1}, {"content": "two"}),
        fixture({"userMessage": "b"}),
        fixture({"userMessage": "a", "sequenceIndex": 0}, truncateAfterChunks=1),
    )
    match = {"user": {"contains": "a"}}
    whole = [{"text": "x"}, {"text": "two"}]
    cut = [{**CLOSED, "after_events": 1}, {"text": "two"}]
    assert found.mocks == (
        {"match": {**match, "stream": True}, "responses": cut, "times": 2},
        {"match": {**match, "stream": False}, "responses": whole, "times": 2},
        {"match": {"user": {"contains": "b"}}, "response": ANSWER},
    )
    assert found.used == 3


def test_embeddings_sounds_and_errors_are_for_their_own_operations() -> None:
    error = {"error": {"message": "m"}}
    heard = {"transcription": {"text": "said", "language": "de"}}
    found = mocks_of(
        fixture({"inputText": "a"}, {"embedding": [1, 2]}),
        fixture({"inputText": "a"}, error),
        fixture({"model": "m"}, error),
        fixture({"endpoint": "translation"}, {"transcription": {"text": "said"}}),
        fixture({}, heard),
    )
    both = {"operation": "audio", "api": ["transcriptions", "translations"]}
    verbose = {"task": "transcribe", "language": "de", "duration": 0, "text": "said"}
    response = {"status": 500, **error}
    model = {"regex": "^m(-[0-9]|$)"}
    embedding = {"operation": "embed", "user": {"contains": "a"}}
    assert found.mocks == (
        {"match": embedding, "response": {"embedding": [1, 2]}},
        {"match": embedding, "response": response},
        {"match": {"operation": ["generate", "embed"], "model": model}, "response": response},
        {"match": {"operation": "audio", "api": "translations"}, "response": {"text": "said"}},
        {
            "match": {**both, "fields": {"response_format": "verbose_json"}},
            "response": {"body": verbose},
        },
        {"match": both, "response": {"text": "said"}},
    )


def test_no_key_in_a_fixture_is_kept() -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz01"
    found = mocks_of(
        fixture({"userMessage": key}, {"content": {"a": [f"is {key}"]}}),
        fixture({"toolCallId": key}, {"toolCalls": [{"name": "f", "arguments": {"k": key}}]}),
        fixture({"model": key}, {"error": {"message": key}}),
    )
    assert len(found.mocks) == 3 and key not in str(found)
