"""Inputs that would cost more time or memory than their size, or break what is made of them."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import zlib
from typing import Any, List, Tuple

import pytest
from cases import cases
from clients import post
from samples import (
    STREAMED,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
    request_of,
    steps_of,
    wire_of,
)

import mock_server as m


def test_a_long_reference_is_read_a_bounded_number_of_times(monkeypatch: Any) -> None:
    read = []

    def within(root: Any, *names: str) -> Any:
        read.append(names)
        return root

    monkeypatch.setitem(m.SchemaCheck.check.__globals__, "within", within)
    schema = {"$ref": "#" + "/" * 1_000_000}
    m.SchemaCheck(schema).check(m.Node(1), schema)
    assert 0 < len(read) < 5


def test_every_query_parameter_counts_for_the_memory_that_it_takes() -> None:
    query = {f"a{number}": "" for number in range(1000)}
    key = m.key_of(m.Request("GET", "/v1/models", query), ())
    assert m.key_size(key) > 300_000


def test_what_is_larger_than_the_room_of_an_answer_is_not_remembered() -> None:
    answers = answerer(fallback="echo")
    body = call_of(m.OpenAIChat, more={"metadata": {"a": "x" * 1_100_000}}).request.body
    request = m.Request("POST", "/v1/chat/completions", body=body, session="s")
    for _ in range(3):
        assert answers.answer(request).response.status == 200
    assert answers.memory.answers == {}


# A text that would end a header, from wherever; what of it is sent.
SPLITS = [
    ("a\r\nX-Injected: yes", "a  X-Injected: yes"),
    ("a\0\n\x1fb\tc", "a   b\tc"),
    ("né東", "né?"),
]


@pytest.mark.parametrize("text, sent", SPLITS)
def test_no_text_ends_a_line_of_a_head(text: str, sent: str) -> None:
    found = ask(
        answerer({"response": {"error": {"type": text, "message": "m"}}}), m.BedrockConverse
    )
    data = b"".join(step.data for step in steps_of(found) if isinstance(step, m.Send))
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = head.split("\r\n")
    assert any(line.startswith(f"x-amzn-ErrorType: {sent}:http") for line in lines)
    assert not any(line.startswith("X-Injected") for line in lines)


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)


@pytest.mark.parametrize(
    "line, headers",
    [
        (b"POST /@*/v1/messages", b""),
        (b"POST /@" + b"x" * 101 + b"/v1/messages", b""),
        (b"POST /v1/messages", b"X-Mock-Session: " + b"x" * 101 + b"\r\n"),
        (b"POST /v1/messages", b"Expect: a miracle\r\n"),
        (b"POST /v1/messages", b"Content-Encoding: unknown\r\n"),
        (b"POST /v1/messages", b"Accept-Encoding: *;q=0\r\n"),
        (b"PUT /v1/messages", b""),
        (b"GET /v1/messages", b""),
        (b"POST /unknown", b""),
        (b"POST /__mock__/nothing", b""),
        (b"POST /__mock__/reset", b"Origin: http://evil\r\n"),
        (b"POST no/slash", b""),
        (b"BREW /v1/messages", b""),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_never_taken_for_the_next_request_whatever_is_refused_before_it(
    server: m.MockServer, raw: Any, line: bytes, headers: bytes, framing: str
) -> None:
    body = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
    if framing == "chunked":
        body = b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED
    client = raw().send(line + b" HTTP/1.1\r\nHost: x\r\n" + headers + body)
    assert client.response()[0] >= 400
    with contextlib.suppress(OSError):  # where the connection has ended
        assert client.send(post(headers=["Connection: close"])).file.read().count(b"HTTP/1.1 ") <= 1
    assert [entry["path"] for entry in server.requests].count("/smuggled") == 0


def test_what_is_no_name_of_a_header_is_not_sent() -> None:
    assert m.field_lines((("a b", "c"), ("d\r\ne", "f"), ("", "g"), ("h", "i"))) == b"h: i\r\n"


MANY = [""] * 3000
LONG = (
    "array too long. Expected an array with maximum length 2048, but got an array with length 3000"
)
# (format, what is laid over its sample, what its provider says of so many)
TOO_MANY: List[Tuple[type, Any, str]] = [
    (m.OpenAIEmbeddings, {"input": MANY}, f"Invalid 'input': {LONG} instead."),
    (m.AzureEmbeddings, {"input": MANY}, f"Invalid 'input': {LONG} instead."),
    (m.OpenAIModerations, {"input": MANY}, f"Invalid 'input': {LONG} instead."),
    (m.OpenAICompletions, {"prompt": MANY}, f"Invalid 'prompt': {LONG} instead."),
    (m.MistralEmbeddings, {"input": MANY}, "at most 2048 items after validation, not 3000"),
    (m.GeminiOpenAIEmbeddings, {"input": MANY}, "expected an array of at most 2048 items"),
    (m.OllamaEmbed, {"input": MANY}, "expected an array of at most 2048 items"),
    (m.CohereEmbed, {"texts": MANY}, "number of texts must be at most 96 - received 3000"),
    (m.CohereEmbed, {"texts": None, "inputs": [{}] * 97}, "number of inputs must be at most 96"),
    (m.CohereEmbed, {"texts": None, "images": MANY}, "number of images must be at most 96"),
    (
        m.BedrockCohereEmbed,
        {"texts": MANY},
        "#/texts: expected maximum item count: 96, found: 3000",
    ),
    (m.GeminiBatchEmbed, {"requests": [{}] * 101}, "at most 100 requests can be in one batch"),
    (m.VertexBatchEmbed, {"requests": [{}] * 101}, "at most 100 requests can be in one batch"),
    (
        m.VertexPredict,
        {"instances": [{"content": "a"}] * 251},
        "a batchSize value of 251 but the supported range is from 1 (inclusive) to 251 (exclusive)",
    ),
    (m.VertexPredict, {"instances": [{}] * 2049}, "2048 instance(s) is allowed per prediction."),
]


@cases("kind, more, said_so", TOO_MANY)
def test_no_more_inputs_are_answered_than_the_provider_takes(
    kind: type, more: Any, said_so: str
) -> None:
    refused = ask(answerer(fallback="echo"), kind, more=more)
    assert refused.status == (422 if kind is m.MistralEmbeddings else 400)
    assert said_so in complaint_of(refused.body)


@pytest.mark.parametrize("kind", [m.OpenAIEmbeddings, m.OpenAICompletions])
def test_a_list_of_token_numbers_is_one_input_however_long(kind: type) -> None:
    more = {"input": [1] * 3000, "prompt": [1] * 3000}
    assert ask(answerer(fallback="echo"), kind, more=more).status == 200


# (format, what is laid over its sample, a mock's answer): each is small, and the product is not.
PRODUCTS: List[Tuple[type, Any, Any]] = [
    (m.OpenAIEmbeddings, {"input": [""] * 2048}, {"embedding": [0] * 4000}),
    (m.OpenAICompletions, {"prompt": ["a"] * 16, "n": 128}, {"text": "x" * 20_000}),
    (m.OpenAIChat, {"n": 128, "stream": True}, {"parts": [{"text": "x" * 200_000}] * 2}),
    (
        m.OpenAIChat,
        {"n": 128},
        {"tool_calls": [{"name": "f", "arguments": {"a": "x" * 400_000}}]},
    ),
    (m.MistralChat, {"n": 128}, {"parts": [{"block": {"a": "x" * 400_000}}]}),
    (m.MistralClassifications, {"input": ["a"] * 2000}, {"text": "x" * 20_000}),
    (
        m.MistralChatClassifications,
        {"input": [[{"role": "user", "content": "a"}]] * 2000},
        {"text": "x" * 20_000},
    ),
]


@pytest.mark.parametrize("kind, more, response", PRODUCTS)
def test_an_answer_that_repeats_too_much_is_refused(kind: type, more: Any, response: Any) -> None:
    spec = {"match": {"operation": sorted(m.OPERATIONS)}, "response": response}
    refused = ask(answerer(spec), kind, more=more)
    assert refused.status == 400
    assert "; ask for less" in complaint_of(refused.body)


def test_a_type_of_embedding_that_is_named_twice_is_made_once(monkeypatch: Any) -> None:
    made = []
    monkeypatch.setitem(m.VECTOR_TYPES, "int8", lambda vector: made.append(vector) or [])
    spec = {"match": {"operation": "embed"}, "response": {"embedding": [1]}}
    ask(answerer(spec), m.CohereEmbed, more={"embedding_types": ["int8"] * 1000})
    assert len(made) == 1


def test_equal_texts_are_embedded_once(monkeypatch: Any) -> None:
    made = []
    monkeypatch.setitem(
        m.echoed.__globals__, "unit_vector", lambda *asked: made.append(asked) or (1,)
    )
    m.echoed(call_of(m.OpenAIEmbeddings, more={"input": ["a", "b", "a"] * 100}))
    assert len(made) == 2


def test_content_codings_are_undone_up_to_four() -> None:
    body = b"a" * 1000
    for _ in range(4):
        body = m.gzipped(body)
    assert m.decoded(body, ["gzip"] * 4, 2000) == b"a" * 1000
    with pytest.raises(m.Refused, match="names 5 codings; at most 4 are undone") as refused:
        m.decoded(m.gzipped(body), ["identity"] + ["gzip"] * 4, 2000)
    assert refused.value.status == 415


def test_lines_of_headers_are_bounded() -> None:
    with pytest.raises(m.Refused, match="more than 1000 lines of headers") as refused:
        m.parse_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 1000 + b"\r\n")
    assert refused.value.status == 431


def test_only_the_beginning_of_an_accept_encoding_is_read() -> None:
    assert m.negotiated("gzip, " + "a," * 10_000) == "gzip"
    assert m.negotiated("a," * 10_000 + "gzip") == "identity"


class Counted(List[Any]):
    """An array that counts how often it is searched."""

    searches = 0

    def __contains__(self, wanted: object) -> bool:
        Counted.searches += 1
        return False


# (what is checked over and over, at most how often)
COSTLY: List[Tuple[Any, int]] = [
    (lambda: {"enum": Counted(["a"] * 200_000)}, 1),
    (lambda: {"enum": Counted(["a" * 100_000] * 10)}, 100),
]


@pytest.mark.parametrize("schema, most", COSTLY)
def test_a_schema_is_checked_in_bounded_time_and_then_fits(schema: Any, most: int) -> None:
    Counted.searches = 0
    branches = {"anyOf": [{"$ref": "#/$defs/a"}] * 15_000, "$defs": {"a": schema()}}
    m.misfit("b" * 100_000, branches, "text")
    assert 0 < Counted.searches <= most


def test_a_long_name_of_a_type_costs_no_more_than_a_short_one() -> None:
    name = "object" * 200_000
    assert m.misfit({"a": 1}, {"allOf": [{"type": [name, {"a": name}]}] * 10_000}, "text") == ""
    assert m.misfit({"a": 1}, {"type": ["STRING", {}]}, "text") != ""


# (format, what a mock or a request brings along): what brought down the one who wrote it.
BREAKING: List[Tuple[type, Any]] = [
    (m.BedrockOther, {"usage": {}}),
    (m.BedrockOther, {"tool_calls": []}),
    (m.AnthropicMessages, {"events": [{"type": 5}, {"type": ["a"]}, {"type": "a\nb"}]}),
    (m.OpenAIResponses, {"events": [{"type": 5}, {"type": {}}]}),
    (m.CohereChat, {"events": [{"type": True}]}),
    (m.BedrockConverse, {"events": [{"x" * 70_000: {}}, {"東" * 70_000: {}}]}),
    (m.BedrockConverse, {"text": "a", "error": {"type": "xException" * 9000}, "after_events": 1}),
]


@pytest.mark.parametrize("kind, response", BREAKING)
def test_no_answer_of_a_mock_breaks_the_writer(kind: type, response: Any) -> None:
    for stream in (False, True):
        found = ask(answerer({"response": response}), kind, stream)
        assert found.status in (200, 404) and bytes_of(found) or "error" in response
        brought = {"x-mock-response": json.dumps(response)}
        assert ask(answerer(), kind, stream, headers=brought).status in (200, 400, 500)


@pytest.mark.parametrize("vector", [[1e300], [10**400], [[1]], ["a"], {}, 5])
def test_a_recorded_vector_that_is_none_is_sent_as_it_is(vector: Any) -> None:
    body = {"data": [{"embedding": vector}]}
    spec = {"match": {"operation": "embed"}, "response": {"body": body}}
    found = ask(answerer(spec), m.OpenAIEmbeddings, more={"encoding_format": "base64"})
    assert json.loads(found.body) == body


# (format, what is laid over its sample, the status)
ODD_BODIES: List[Tuple[type, Any, int]] = [
    (m.AnthropicMessages, {"tools": [{"name": ""}]}, 200),
    (m.AnthropicMessages, {"tools": [{}]}, 400),
    (m.OpenAIEmbeddings, {"requests": 5}, 200),
    (m.OpenAIEmbeddings, {"requests": {"a": 1}, "parameters": [1]}, 200),
    (m.OpenAIEmbeddings, {"dimensions": 10**900}, 400),
]


@pytest.mark.parametrize("kind, more, status", ODD_BODIES)
def test_fields_of_any_kind_are_read(kind: type, more: Any, status: int) -> None:
    assert ask(answerer(fallback="echo"), kind, more=more).status == status


def test_a_condition_that_fails_breaks_no_request_but_that_of_who_waits() -> None:
    def failing(got: Any) -> bool:
        raise RuntimeError("of its own")

    journal = m.Journal()
    wanted = m.Wanted("", (m.Condition("user", "", lambda call: "", failing),))

    work = journal.waiting(wanted, 1, 1.0)
    gate, _ = next(work)
    head = m.Head("GET", "/", 1, {})
    asked = m.Asked(m.Request("GET", "/"), head, "", "", None, 1)
    journal.add(m.Entry("1", 0.0, asked, m.Sent()))
    assert gate and gate.take()
    with pytest.raises(RuntimeError):
        m.done_here(work)
    assert journal.remembered == 1 and not journal.waiters


TIMES = "{{user}}" * 60
# What asks over and over for a long text that a request brings.
FILLED: List[Any] = [
    {"text": TIMES},
    {"parts": [{"text": "{{user}}"}] * 60},
    {"tool_calls": [{"name": "f", "arguments": {"a": ["{{user}}"] * 60}}]},
    {"error": TIMES},
]


@pytest.mark.parametrize("response", FILLED)
def test_templates_do_not_ask_for_more_than_there_is_room_for(response: Any) -> None:
    long = {"messages": [{"role": "user", "content": "x" * 600_000}]}
    refused = ask(answerer({"response": response}), m.OpenAIChat, more=long)
    assert refused.status == 400 and "ask for more than" in complaint_of(refused.body)
    assert ask(answerer({"response": response}), m.OpenAIChat).status == (
        500 if "error" in response else 200
    )


def test_a_hint_compares_no_long_word_and_not_with_thousands_of_names(monkeypatch: Any) -> None:
    compared = []
    monkeypatch.setattr(
        "difflib.get_close_matches", lambda word, names, n: compared.append((word, names)) or []
    )
    hint = m.nearest("x" * 10_000_000, [f"added-{number}" for number in range(10_000)])
    assert len(compared[0][0]) == 100 and len(compared[0][1]) == 100
    assert hint.endswith(" and 9900 more")


def test_a_mock_has_no_more_parts_than_it_takes_no_time_to_say() -> None:
    with pytest.raises(m.BadMock, match="has 10001 parts, and an answer has at most 10000"):
        m.parse_neutral(m.Node({"parts": [{"text": "a"}] * 10_001}))


@pytest.mark.parametrize(
    "header, user, choices, is_aside",
    [
        ({"text": "x"}, "a" * 200_000, 1, False),
        ({"text": "{{user}}"}, "a" * 200_000, 1, True),
        ({"text": "x" * 20_000}, "a", 1, True),
        ({"text": "{{user}}"}, "a", 1, False),
        ({"text": "x"}, "a", 20, True),
        (None, "a" * 1000, 1, False),
        (None, "a" * 1000, 20, True),
    ],
)
def test_an_answer_that_may_be_long_is_written_aside(
    header: Any, user: str, choices: int, is_aside: bool
) -> None:
    more = {"messages": [{"role": "user", "content": user}], "n": choices}
    headers = {"x-mock-response": json.dumps(header)} if header else {}
    request = request_of(m.OpenAIChat, more=more, headers=headers)
    for answers in (answerer({"response": {"text": "{{user}}"}}), answerer(fallback="echo")):
        assert (next(answers.answering(request), None) is m.ASIDE) == is_aside


def test_a_long_recording_is_written_aside() -> None:
    for size, is_aside in ((1000, False), (200_000, True)):
        answers = answerer({"response": {"events": "data: 1\n\n" * (size // 9), "wire": "cr"}})
        mock = answers.mocks.session("").mocks[0]
        # As a file would be, of which a mock says no more than its name.
        answers.mocks.session("").index = m.Index([m.replace(mock, canonical="@file.sse")])
        work = answers.answering(request_of(m.OpenAIChat, True))
        assert (next(work, None) is m.ASIDE) == is_aside


def test_whether_a_recording_can_be_framed_anew_is_looked_for_once(monkeypatch: Any) -> None:
    looked: List[Any] = []
    foreign = m.foreign_values
    room = sys.modules[foreign.__module__]
    monkeypatch.setattr(room, "foreign_values", lambda *of: looked.append(of) or foreign(*of))
    event = 'data: {"messageStart": {"role": "assistant"}}\n\n'
    for count in (1, 5000):
        looked.clear()
        answers = answerer({"response": {"events": event * count}})
        # Of a long one it is known before anybody waits for it.
        assert bool(looked) == (count > 1)
        for user in "ab":
            more = {"messages": [{"role": "user", "content": [{"text": user}]}]}
            assert ask(answers, m.BedrockConverse, True, more=more).status == 200
            assert len([wire for _, wire in looked if type(wire) is m.BedrockConverse]) == 1


COMMENTS = [{"wire": {"comments": "a" * 65_537}}]
COMMENTS += [{"delay": 2, "keepalive": {"every": 1, "comment": "a" * 65_537}}]


def test_a_comment_that_may_be_sent_again_and_again_is_not_long() -> None:
    for how in COMMENTS:
        with pytest.raises(m.BadMock, match="has 65537 characters, and a comment has at most"):
            answerer({"response": {"text": "Hi", **how}})


def test_others_have_their_turn_while_content_is_looked_for() -> None:
    frames = [b": nothing\n\n"] * 1000
    for after in (m.After(1, pieces=True), m.After(999_999, pieces=True)):
        found = list(m.marked(frames, after, lambda frame: b"data" in frame))
        assert 3 <= sum(isinstance(one, m.Breath) for one in found) <= 10
        assert [one for one in found if isinstance(one, bytes)] == frames
    until = m.until([*frames, b"data", b"more"], m.After(1, pieces=True), lambda f: b"data" in f)
    assert list(until) == [*frames, b"data"]
    # Nor is a turn anything that a gate would let out, or an event of an answer that is kept.
    gated = m.gated([b"1", m.Breath(), b"2"], m.After(1), bool)
    assert [type(one) for one in gated] == [bytes, m.Breath, m.Hold, bytes]
    assert m.ahead([b"1", m.Breath(), b"2"]) == (b"1", b"2")
    torn = m.torn([b"1", m.Breath(), m.Mark(), b"2"], lambda frame: b"torn")
    assert [one for one in torn if isinstance(one, bytes)] == [b"1", b"torn"]


def test_a_long_event_is_compressed_a_piece_at_a_time() -> None:
    event = bytes(range(256)) * 4096
    groups = list(m.gzip_groups([(event, 1)]))
    assert sum(isinstance(frame, m.Breath) for frame, _ in groups) == 3
    packed = b"".join(frame for frame, _ in groups if isinstance(frame, bytes))
    assert zlib.decompress(packed, 31) == event


def test_mocks_are_weighed_while_nobody_waits_for_them(monkeypatch: Any) -> None:
    mocks = m.Mocks()
    held = []

    def weighed(mock: Any) -> int:
        held.append(mocks.files.lock._is_owned() or mocks.lock.locked())
        return 1

    monkeypatch.setattr(sys.modules[m.Session.__module__], "object_size", weighed)
    mocks.session("").add([{"response": {"text": "a"}}])
    assert held == [False]


def test_tiny_chunks_are_read_few_at_once_and_large_ones_many() -> None:
    body = m.ChunkedBody(1_000_000)
    assert not body.feed(b"1\r\na\r\n") and body.wanted == m.CHUNKS_PIECE
    assert not body.feed(b"40000\r\n") and body.wanted == m.BODY_PIECE


def test_of_a_long_stream_no_more_is_made_than_is_sent() -> None:
    made = []

    class Counting(str):
        """A text that counts how often it is cut."""

        def __getitem__(self, at: Any) -> str:
            made.append(at)
            return str.__getitem__(self, at)

    text = Counting("x" * 100_000)
    reply = m.Reply((m.Text(text),), "stop", m.Usage(1, 1), "m", chunk_size=1)
    for kind in STREAMED:
        made.clear()
        wire = wire_of(kind)
        if m.Text in wire.speaks:
            events = wire.events(call_of(kind, True), reply)
            assert len(list(itertools.islice(events, 20))) == 20
            counted = len(text) if kind in COUNTING else 0  # how many there are is counted first
            assert len(made) - counted < 50, kind


COUNTING = [m.GeminiGenerate, m.VertexGenerate]


def test_of_a_truncated_long_stream_the_middle_of_its_first_10_000_events_is_the_end() -> None:
    frames = (b"x" for _ in range(10**9))
    response = m.HttpResponse(
        200, (), frames=frames, delivery=m.Delivery(fault=m.Fault("truncate"))
    )
    sends = [step for step in m.answer_steps(response, m.Exchange()) if isinstance(step, m.Send)]
    assert sum(len(step.ends) for step in sends) == 5000 and sends[-1].last


LIKELY: List[Tuple[type, Any, bool]] = [  # and whether it streams
    (m.OpenAIChat, {"logprobs": True}, False),
    (m.OpenAICompletions, {"logprobs": 0}, False),
    (m.OpenAIResponses, {"include": ["message.output_text.logprobs"]}, False),
    (m.OpenAIResponses, {"include": ["message.output_text.logprobs"]}, True),
    (m.GeminiGenerate, {"generationConfig": {"responseLogprobs": True}}, False),
    (m.CohereChat, {"logprobs": True}, False),
    (m.OllamaChat, {"logprobs": True}, False),
]


def test_logprobs_are_bounded() -> None:
    answers = answerer({"response": {"text": "x" * 60_000, "chunk_size": 1}})
    for kind, more, stream in LIKELY:
        refused = ask(answers, kind, stream, more=more)
        assert refused.status == 400 and "logprobs for at most 50000" in complaint_of(refused.body)
    assert ask(answers, m.OpenAIChat).status == 200


# (format, what is laid over its sample, whether it is answered)
LIKELY_CHOICES: List[Tuple[type, Any, bool]] = [
    (m.OpenAIChat, {"logprobs": True, "n": 128}, False),
    (m.OpenAIChat, {"logprobs": True, "n": 2}, True),
    (m.OpenAIChat, {"n": 128}, True),
    (m.VLLMChat, {"logprobs": True, "n": 128}, False),
    (m.OpenAICompletions, {"logprobs": 1, "n": 128}, False),
    (
        m.GeminiGenerate,
        {"generationConfig": {"responseLogprobs": True, "candidateCount": 8}},
        False,
    ),
]


def test_logprobs_of_all_choices_are_bounded_together() -> None:
    answers = answerer({"response": {"text": "x" * 7000, "chunk_size": 1}})
    for kind, more, is_answered in LIKELY_CHOICES:
        found = ask(answers, kind, more=more)
        assert (found.status == 200) == is_answered, (kind, more)
        assert is_answered or "at most 50000 tokens" in complaint_of(found.body)


LONG_ANSWERS = [
    ("/tokenize", {"prompt": "abcd" * 250_001}, "the answer has at most 250000 tokens"),
    ("/v1/rerank", {"model": "m", "query": "q", "documents": ["x"] * 100_001}, "too long"),
    ("/v1/load_lora_adapter", {"lora_name": "x" * 201, "lora_path": "/"}, "at most 200"),
]


def test_what_a_short_request_would_make_much_of_is_refused() -> None:
    answers = answerer(fallback="echo")
    for path, body, reason in LONG_ANSWERS:
        request = m.Request("POST", path, body=json.dumps(body).encode())
        response = answers.answer(request).response
        assert response.status == 400 and reason.encode() in response.body, path
    with pytest.raises(m.Refused, match="at most 50000 tokens"):
        list(m.bounded_pieces(["x" * 3_200_001]))  # of which each byte would be told
    with pytest.raises(m.Refused, match="times for at most 10000 pieces"):
        m.timed("x " * 10_001, m.WORDS_ALONE)
    assert len(m.timed("x " * 10_000, m.WORDS_ALONE)) == 10_000


# What is laid over the sample of a transcription, and the text that it would be answered with.
LONG_TRANSCRIPTS: List[Tuple[Any, str]] = [
    ({"response_format": "diarized_json", "known_speaker_names[]": "n" * 5000}, "a.\n" * 300),
    ({"response_format": "diarized_json"}, "a.\n" * 10_001),
    ({"include[]": "logprobs"}, "x" * 100_002),
]


def test_a_transcript_with_too_much_beside_it_is_refused_before_it_begins() -> None:
    for more, text in LONG_TRANSCRIPTS:
        answers = answerer(
            {"match": {"operation": "audio"}, "response": {"text": text, "chunk_size": 2}}
        )
        refused = ask(answers, m.OpenAITranscriptions, more=more)
        assert refused.status == 400 and "at most" in complaint_of(refused.body), more
        with pytest.raises(m.Refused, match="at most"):  # and not when the stream has begun
            ask(answers, m.OpenAITranscriptions, True, more=more)


def test_words_to_rank_by_are_looked_at_one_by_one() -> None:
    words = m.words_of("a " * 5_000_000)  # a list of them would let nobody else have a turn
    assert list(itertools.islice(words, 2)) == ["a", "a"]


def test_a_long_stream_is_not_told_once_more() -> None:
    call = call_of(m.OpenAIResponses)
    many = ({"type": "x"} for _ in itertools.count())
    stored = m.Stored("a", call, dict, lambda: many, 1, ("queued",))
    with pytest.raises(m.Refused, match="at most 50000 events"):
        m.events_now(stored)
    stored.cancel()  # of which only the beginning is looked at
    assert [event["type"] for event in m.events_now(stored)] == ["response.cancelled"]


def test_no_caption_is_so_long_that_the_expression_takes_the_memory() -> None:
    cues = m.timed("a" * 250_000, m.SENTENCES)
    assert [len(cue.text) for cue in cues] == [100_000, 100_000, 50_000]


def test_tokens_of_a_long_text_are_told_aside() -> None:
    body = json.dumps({"prompt": "a" * 20_000}).encode()
    work = answerer().answering(m.Request("POST", "/tokenize", body=body))
    assert next(work) is m.ASIDE
