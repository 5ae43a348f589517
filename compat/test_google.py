"""google-genai, in Gemini and in Vertex AI mode, and its predecessors google-generativeai and
vertexai, against the server.

The predecessors speak gRPC unless told otherwise; here both use REST, which they only have for
calls that are not async.
"""

# Not `from __future__ import annotations`: google-genai 1.x only calls a Python function whose
# annotations are types.
import asyncio
import gzip
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List

import pytest
from google import genai
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from pydantic import BaseModel

MODEL = "gemini-2.5-flash"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
VECTOR = [0.25, -0.5, 1.0]
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME]}
STOPS = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
RAISED = {
    400: exceptions.BadRequest,
    403: exceptions.Forbidden,
    404: exceptions.NotFound,
    409: exceptions.Conflict,
    429: exceptions.TooManyRequests,
    500: exceptions.InternalServerError,
    503: exceptions.ServiceUnavailable,
}
POEM = "Compose a poem that explains the concept of recursion in programming."
WAYS = ("gemini", "vertex", "express")
OLD_WAYS = ("generativeai", "vertexai")
DOWN_TWICE = [
    {"status": 503, "error": "down"},
    {"status": 429, "error": "slow down"},
    {"text": "third time lucky"},
]
MOCKS = [
    {
        "match": {"user": "call one", "tool_result": {"contains": "12 degrees"}},
        "response": {"text": "It is 12 degrees in Oslo."},
    },
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {"match": {"user": "again", "turn": 1}, "response": {"text": "You said hello."}},
    {"match": {"user": "who", "system": "Be brief."}, "response": {"text": "A mock."}},
    {"match": {"user": "think"}, "response": {"reasoning": "Let me see.", "text": TEXT}},
    {"match": {"user": "refuse"}, "response": {"refusal": "I can't help with that."}},
    {"match": {"user": "malformed"}, "response": {"finish_reason": "MALFORMED_FUNCTION_CALL"}},
    {
        "match": {"user": "draw"},
        "response": {
            "parts": [
                {"text": TEXT},
                {"block": {"inlineData": {"mimeType": "image/png", "data": "cGljdHVyZQ=="}}},
                {"block": {"executableCode": {"language": "PYTHON", "code": "print(1)"}}},
                {"block": {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}},
                {"block": {"text": "", "thoughtSignature": "c2lnbmVk"}},
            ]
        },
    },
    {"match": {"user": "json"}, "response": {"text": '{"city": "Oslo", "degrees": 12}'}},
    {
        "match": {"user": "spend"},
        "response": {
            "text": TEXT,
            "usage": {
                "input_tokens": 12,
                "output_tokens": 9,
                "reasoning_tokens": 4,
                "cached_tokens": 8,
            },
        },
    },
    {
        "match": {"operation": "count_tokens", "user": "count"},
        "response": {"text": "", "usage": {"input_tokens": 31}},
    },
    {"match": {"operation": "embed", "user": "embed"}, "response": {"embedding": VECTOR}},
    {
        "match": {"operation": "embed", "user": "one\ntwo"},
        "response": {"embedding": [VECTOR, [1.0, 0.0, -0.125]]},
    },
    *(
        {"match": {"user": f"call {name}"}, "response": {"tool_calls": calls}}
        for name, calls in CALLS.items()
    ),
    *(
        {"match": {"user": f"end {stop}"}, "response": {"text": TEXT, "finish_reason": stop}}
        for stop in STOPS
    ),
    *(
        {"match": {"user": f"fail {status}"}, "response": {"status": status, "error": "as ordered"}}
        for status in STATUS
    ),
    *(
        {"match": {"user": f"{kind} retry {way}"}, "responses": DOWN_TWICE}
        for kind in ("sync", "async")
        for way in (*WAYS, *OLD_WAYS)
    ),
]
DECLARATION: Dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
TOOLS = types.GenerateContentConfig(
    tools=[
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(
                    name="get_weather",
                    description=DECLARATION["description"],
                    parameters_json_schema=DECLARATION["parameters"],
                )
            ]
        )
    ]
)


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


def connect(way: str, url: str, headers: Dict[str, str] = {}, **options: Any) -> genai.Client:  # noqa: B006
    """A google-genai client of one of the WAYS."""
    where = types.HttpOptions(base_url=url, headers=dict(headers), **options)
    if way == "gemini":
        return genai.Client(api_key="key", vertexai=False, http_options=where)
    if way == "express":
        return genai.Client(api_key="key", vertexai=True, http_options=where)
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=Credentials(token="token"),
        http_options=where,
    )


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[genai.Client]:
    """A client of the way that the test asks for."""
    found = connect(request.param, server)
    yield found
    found.close()


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)


def ask(client: Any, user: Any, **options: Any) -> Any:
    """A whole answer; of an async client, something to await."""
    return client.models.generate_content(model=MODEL, contents=user, **options)


def ask_stream(client: Any, user: Any, **options: Any) -> Any:
    """A streamed answer."""
    return client.models.generate_content_stream(model=MODEL, contents=user, **options)


def text_of(chunks: Iterable[Any], index: int = 0, thought: bool = False) -> str:
    """The text of one candidate, or its thoughts, over all chunks."""
    return "".join(
        part.text or ""
        for chunk in chunks
        for number, candidate in enumerate(chunk.candidates or ())
        if (candidate.index or number) == index and candidate.content
        for part in candidate.content.parts or ()
        if bool(part.thought) == thought
    )


def calls_of(*answers: Any) -> List[Dict[str, Any]]:
    """The function calls of an answer, or of all chunks of one."""
    return [
        {"name": part.function_call.name, "arguments": part.function_call.args}
        for answer in answers
        for part in answer.candidates[0].content.parts
        if part.function_call
    ]


def stops_of(chunks: Iterable[Any]) -> List[str]:
    """The finish reasons of all chunks."""
    return [
        candidate.finish_reason.name
        for chunk in chunks
        for candidate in chunk.candidates
        if candidate.finish_reason
    ]


# --- google-genai: text ---


@every_way
def test_text_comes_back(client: Any) -> None:
    answer = ask(client, "hello")
    assert (answer.text, answer.model_version) == (TEXT, MODEL)
    assert (len(answer.candidates), answer.candidates[0].content.role) == (1, "model")
    assert stops_of([answer]) == ["STOP"]


@every_way
def test_a_stream_and_a_whole_answer_carry_the_same_content(client: Any) -> None:
    whole, chunks = ask(client, "hello"), list(ask_stream(client, "hello"))
    assert len(chunks) > 4
    assert text_of(chunks) == whole.text == TEXT
    assert stops_of(chunks) == ["STOP"]
    assert {(chunk.response_id, chunk.model_version) for chunk in chunks} == {
        (whole.response_id, whole.model_version)
    }


@every_way
def test_thoughts_stand_before_the_answer(client: Any) -> None:
    whole, chunks = ask(client, "think"), list(ask_stream(client, "think"))
    for answer in ([whole], chunks):
        assert (text_of(answer, thought=True), text_of(answer)) == ("Let me see.", TEXT)
    assert whole.candidates[0].content.parts[0].thought
    assert whole.usage_metadata.thoughts_token_count > 0


@every_way
@pytest.mark.parametrize("stop", STOPS)
def test_finish_reasons_are_googles_own(client: Any, stop: str) -> None:
    assert (
        stops_of([ask(client, f"end {stop}")])
        == stops_of(ask_stream(client, f"end {stop}"))
        == [STOPS[stop]]
    )


@every_way
def test_a_refusal_is_text_that_safety_stopped(client: Any) -> None:
    whole, chunks = ask(client, "refuse"), list(ask_stream(client, "refuse"))
    assert text_of([whole]) == text_of(chunks) == "I can't help with that."
    assert stops_of([whole]) == stops_of(chunks) == ["SAFETY"]
    assert any(rating.blocked for rating in whole.candidates[0].safety_ratings)


@every_way
def test_googles_own_parts_and_words_are_decoded_as_they_are(client: Any) -> None:
    for chunks in ([ask(client, "draw")], list(ask_stream(client, "draw"))):
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        picture, code, result, signed = parts[-4:]
        assert text_of(chunks) == TEXT and picture.inline_data.data == b"picture"
        assert (code.executable_code.code, result.code_execution_result.output) == ("print(1)", "1")
        assert signed.thought_signature == b"signed"
    for chunks in ([ask(client, "malformed")], list(ask_stream(client, "malformed"))):
        (candidate,) = chunks[-1].candidates
        assert candidate.finish_reason.name == "MALFORMED_FUNCTION_CALL"
        assert not candidate.content or not candidate.content.parts


@every_way
def test_gemini_3_signs_the_end_of_its_text(client: Any) -> None:
    asked = {"model": "gemini-3-flash", "contents": "hello"}
    (part,) = client.models.generate_content(**asked).candidates[0].content.parts
    chunks = list(client.models.generate_content_stream(**asked))
    (last,) = chunks[-1].candidates[0].content.parts
    assert (part.text, text_of(chunks), last.text) == (TEXT, TEXT, "")
    assert part.thought_signature
    assert part.thought_signature == last.thought_signature


@every_way
def test_several_candidates_repeat_the_content(client: Any) -> None:
    config = types.GenerateContentConfig(candidate_count=2)
    whole, chunks = (
        ask(client, "hello", config=config),
        list(ask_stream(client, "hello", config=config)),
    )
    assert [candidate.content.parts[0].text for candidate in whole.candidates] == [TEXT, TEXT]
    assert (text_of(chunks, 0), text_of(chunks, 1)) == (TEXT, TEXT)
    assert stops_of([whole]) == stops_of(chunks) == ["STOP", "STOP"]


@every_way
def test_a_chat_sends_the_conversation_along(client: Any) -> None:
    chat = client.chats.create(model=MODEL)
    assert chat.send_message("hello").text == TEXT
    assert text_of(chat.send_message_stream("again")) == "You said hello."


@every_way
def test_the_system_instruction_is_matched(client: Any) -> None:
    assert (
        ask(client, "who", config=types.GenerateContentConfig(system_instruction="Be brief.")).text
        == "A mock."
    )
    with pytest.raises(errors.ClientError, match="system"):
        ask(client, "who")


@every_way
def test_json_text_is_parsed(client: Any) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=Weather
    )
    assert ask(client, "json", config=config).parsed == Weather(city="Oslo", degrees=12)


# --- google-genai: usage and tools ---


def counts(usage: Any) -> List[Any]:
    """Token counts in one order."""
    return [
        usage.prompt_token_count,
        usage.candidates_token_count,
        usage.thoughts_token_count,
        usage.cached_content_token_count,
        usage.total_token_count,
    ]


@every_way
def test_usage_is_the_same_whole_and_on_the_last_chunk(client: Any) -> None:
    whole, last = ask(client, "spend"), list(ask_stream(client, "spend"))[-1]
    assert counts(whole.usage_metadata) == counts(last.usage_metadata) == [12, 5, 4, 8, 21]
    whole, last = ask(client, "hello"), list(ask_stream(client, "hello"))[-1]
    assert counts(whole.usage_metadata) == counts(last.usage_metadata)
    assert whole.usage_metadata.total_token_count > whole.usage_metadata.prompt_token_count > 0


def test_gemini_counts_up_on_every_chunk_and_vertex_only_on_the_last(server: str) -> None:
    for way in WAYS:
        with connect(way, server) as client:
            totals = [
                chunk.usage_metadata.total_token_count for chunk in ask_stream(client, "hello")
            ]
        if way == "gemini":
            assert all(totals) and totals == sorted(totals)
        else:
            assert totals[:-1] == [None] * (len(totals) - 1) and totals[-1]


@every_way
@pytest.mark.parametrize("name", CALLS)
def test_function_calls_are_the_same_whole_and_streamed(client: Any, name: str) -> None:
    whole, chunks = (
        ask(client, f"call {name}", config=TOOLS),
        list(ask_stream(client, f"call {name}", config=TOOLS)),
    )
    assert calls_of(whole) == calls_of(*chunks) == CALLS[name]
    assert [call.name for call in whole.function_calls] == ["get_weather"] * len(CALLS[name])
    assert stops_of([whole]) == stops_of(chunks) == ["STOP"]


@every_way
def test_a_python_function_is_called_and_its_result_sent_back(client: Any) -> None:
    asked = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "12 degrees"

    answer = ask(client, "call one", config=types.GenerateContentConfig(tools=[get_weather]))
    assert (asked, answer.text) == (["Oslo"], "It is 12 degrees in Oslo.")


# --- google-genai: other APIs ---


@every_way
def test_tokens_are_counted(client: Any) -> None:
    assert client.models.count_tokens(model=MODEL, contents="count").total_tokens == 31


@every_way
@pytest.mark.parametrize(
    "model", ["gemini-embedding-001", "text-embedding-005", "gemini-embedding-2"]
)
def test_a_text_is_embedded(client: Any, model: str) -> None:
    answer = client.models.embed_content(model=model, contents="embed")
    assert [embedding.values for embedding in answer.embeddings] == [VECTOR]


@pytest.mark.parametrize(
    "client, model",
    [("gemini", "gemini-embedding-001"), ("vertex", "text-embedding-005")],
    indirect=["client"],
)
def test_each_text_gets_its_embedding(client: Any, model: str) -> None:
    answer = client.models.embed_content(model=model, contents=["one", "two"])
    assert [embedding.values for embedding in answer.embeddings] == [VECTOR, [1.0, 0.0, -0.125]]


@every_way
def test_models_are_listed_page_by_page_and_any_can_be_retrieved(client: Any) -> None:
    pages = client.models.list(config={"page_size": 2, "query_base": True})
    assert len(pages.page) == 2
    names = [model.name.rpartition("/")[2] for model in pages]
    assert MODEL in names and len(set(names)) == len(names) > 2
    assert client.models.get(model="my-own-model").name.endswith("models/my-own-model")


# --- google-genai: errors and retries ---


@every_way
@pytest.mark.parametrize("status", STATUS)
def test_an_error_raises_the_sdks_own_exception(client: Any, status: int) -> None:
    for send in (ask, lambda *job: list(ask_stream(*job))):
        with pytest.raises(errors.ServerError if status >= 500 else errors.ClientError) as caught:
            send(client, f"fail {status}")
        assert (caught.value.code, caught.value.status, caught.value.message) == (
            status,
            STATUS[status],
            "as ordered",
        )


@every_way
def test_a_miss_is_not_found_and_says_why(client: Any) -> None:
    for send in (ask, lambda *job: list(ask_stream(*job))):
        with pytest.raises(errors.ClientError) as caught:
            send(client, "hullo")
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
        assert "no mock matches" in str(caught.value)
        assert 'user is "hullo", expected "hello"' in str(caught.value)


@every_way
def test_a_request_that_the_api_refuses_is_an_invalid_argument(client: Any) -> None:
    with pytest.raises(errors.ClientError) as caught:
        ask(client, types.Content(role="wizard", parts=[types.Part(text="hello")]))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert "role" in str(caught.value)


@pytest.mark.parametrize(
    "way, status", [("gemini", "PERMISSION_DENIED"), ("express", "UNAUTHENTICATED")]
)
def test_without_a_key_the_request_is_refused(guarded: str, way: str, status: str) -> None:
    with connect(way, guarded, headers={"x-goog-api-key": ""}) as client, pytest.raises(
        errors.ClientError
    ) as caught:
        ask(client, "hello")
    assert caught.value.status == status


@pytest.mark.parametrize("way", WAYS)
def test_with_a_credential_the_request_is_answered(guarded: str, way: str) -> None:
    with connect(way, guarded) as client:
        assert ask(client, "hello").text == text_of(ask_stream(client, "hello")) == TEXT


def patient() -> types.HttpRetryOptions:
    """Three attempts in no time."""
    return types.HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.002, jitter=0.0)


@pytest.mark.parametrize("way", WAYS)
def test_the_sdk_retries_until_the_third_answer(server: str, way: str) -> None:
    with connect(way, server, retry_options=patient()) as client:
        assert ask(client, f"sync retry {way}").text == "third time lucky"


@pytest.mark.parametrize("way", WAYS)
def test_the_async_sdk_retries_until_the_third_answer(server: str, way: str) -> None:
    answer = run(
        connect(way, server, retry_options=patient()), lambda aio: ask(aio, f"async retry {way}")
    )
    assert answer.text == "third time lucky"


# --- google-genai: async ---


def run(client: genai.Client, job: Callable[[Any], Any]) -> Any:
    """What a coroutine makes of the async side of a client, which is closed after it."""

    async def with_client() -> Any:
        async with client.aio as aio:
            return await job(aio)

    return asyncio.run(with_client())


async def gathered(aio: Any, user: str, **options: Any) -> List[Any]:
    """The chunks of an async stream."""
    return [chunk async for chunk in await ask_stream(aio, user, **options)]


@pytest.mark.parametrize("way", WAYS)
def test_async_text_is_the_same_whole_and_streamed(server: str, way: str) -> None:
    async def both(aio: Any) -> Any:
        return await ask(aio, "hello"), await gathered(aio, "hello")

    whole, chunks = run(connect(way, server), both)
    assert whole.text == text_of(chunks) == TEXT
    assert {chunk.response_id for chunk in chunks} == {whole.response_id}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLS)
def test_async_function_calls_are_the_same_whole_and_streamed(
    server: str, way: str, name: str
) -> None:
    async def both(aio: Any) -> Any:
        return await ask(aio, f"call {name}", config=TOOLS), await gathered(
            aio, f"call {name}", config=TOOLS
        )

    whole, chunks = run(connect(way, server), both)
    assert calls_of(whole) == calls_of(*chunks) == CALLS[name]


@pytest.mark.parametrize("way", WAYS)
def test_async_clients_reach_the_other_apis(server: str, way: str) -> None:
    async def others(aio: Any) -> Any:
        return (
            await aio.models.count_tokens(model=MODEL, contents="count"),
            await aio.models.embed_content(model="gemini-embedding-001", contents="embed"),
            [model.name async for model in await aio.models.list(config={"query_base": True})],
        )

    counted, embedded, names = run(connect(way, server), others)
    assert (counted.total_tokens, embedded.embeddings[0].values) == (31, VECTOR)
    assert any(name.endswith(MODEL) for name in names)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_async_errors_raise_the_same_exceptions(server: str, way: str, status: int) -> None:
    async def both(aio: Any) -> None:
        for send in (ask, gathered):
            with pytest.raises(errors.APIError) as caught:
                await send(aio, f"fail {status}")
            assert (caught.value.code, caught.value.status, caught.value.message) == (
                status,
                STATUS[status],
                "as ordered",
            )

    run(connect(way, server), both)


# --- Log probabilities ---


@every_way
def test_log_probabilities_come_with_each_piece_and_their_mean_with_the_last(
    client: genai.Client,
) -> None:
    config = types.GenerateContentConfig(response_logprobs=True, logprobs=1)
    (whole,) = ask(client, "hello", config=config).candidates
    chunks = list(ask_stream(client, "hello", config=config))
    for results, last in (
        ([whole.logprobs_result], whole),
        ([chunk.candidates[0].logprobs_result for chunk in chunks], chunks[-1].candidates[0]),
    ):
        chosen = [token for result in results for token in result.chosen_candidates]
        assert "".join(token.token for token in chosen) == TEXT
        assert last.avg_logprobs == chosen[0].log_probability == -0.01
        assert results[0].top_candidates[0].candidates == [chosen[0]]


# --- google-generativeai and vertexai ---


class Generativeai:
    """google-generativeai over REST."""

    def __init__(self, url: str) -> None:
        self.sdk = pytest.importorskip(
            "google.generativeai", reason="google-generativeai is in requirements.txt"
        )
        self.sdk.configure(api_key="key", transport="rest", client_options={"api_endpoint": url})
        self.tools = [{"function_declarations": [DECLARATION]}]

    def ask(self, user: str, **options: Any) -> Any:
        """A whole answer, or its chunks."""
        return self.sdk.GenerativeModel(MODEL).generate_content(user, **options)

    def count(self, user: str) -> int:
        """Tokens of a text."""
        return int(self.sdk.GenerativeModel(MODEL).count_tokens(user).total_tokens)

    def embed(self, texts: List[str]) -> Any:
        """Embeddings of texts."""
        return self.sdk.embed_content("models/text-embedding-004", texts)["embedding"]

    def retry(self, user: str, policy: Retry) -> Any:
        """A whole answer, after some failures."""
        return self.ask(user, request_options={"retry": policy})


class Vertexai:
    """vertexai, of google-cloud-aiplatform, over REST."""

    def __init__(self, url: str) -> None:
        reason = "vertexai is in requirements-vertexai.txt, up to the version that has these models"
        self.models = pytest.importorskip("vertexai.generative_models", reason=reason)
        import vertexai

        vertexai.init(
            project="my-project",
            location="us-central1",
            api_endpoint=url,
            api_transport="rest",
            credentials=Credentials(token="token"),
        )
        self.tools = [
            self.models.Tool(function_declarations=[self.models.FunctionDeclaration(**DECLARATION)])
        ]

    def ask(self, user: str, **options: Any) -> Any:
        """A whole answer, or its chunks."""
        return self.models.GenerativeModel(MODEL).generate_content(user, **options)

    def count(self, user: str) -> int:
        """Tokens of a text."""
        return int(self.models.GenerativeModel(MODEL).count_tokens(user).total_tokens)

    def embed(self, texts: List[str]) -> Any:
        """Embeddings of texts."""
        language_models = pytest.importorskip(
            "vertexai.language_models", reason="no vertexai.language_models any more"
        )
        model = language_models.TextEmbeddingModel.from_pretrained("text-embedding-005")
        return [embedding.values for embedding in model.get_embeddings(list(texts))]

    def retry(self, user: str, policy: Retry) -> Any:
        """A whole answer, after some failures; this SDK takes no policy, so it is put around the
        call."""
        return policy(self.ask)(user)


@pytest.fixture
def old(request: pytest.FixtureRequest, server: str) -> Any:
    """One of the predecessors of google-genai."""
    return {"generativeai": Generativeai, "vertexai": Vertexai}[request.param](server)


every_old_way = pytest.mark.parametrize("old", OLD_WAYS, indirect=True)


def old_calls(chunks: Iterable[Any]) -> List[Dict[str, Any]]:
    """The function calls of all chunks."""
    return [
        {"name": part.function_call.name, "arguments": dict(part.function_call.args)}
        for chunk in chunks
        for part in chunk.candidates[0].content.parts
        if part.function_call.name
    ]


def old_text(chunks: Iterable[Any], index: int = 0) -> str:
    """The text of one candidate over all chunks."""
    return "".join(
        part.text
        for chunk in chunks
        for candidate in chunk.candidates
        if candidate.index == index
        for part in candidate.content.parts
    )


@every_old_way
def test_the_old_sdks_get_the_same_content_whole_and_streamed(old: Any) -> None:
    whole, chunks = old.ask("hello"), list(old.ask("hello", stream=True))
    assert whole.text == "".join(chunk.text for chunk in chunks) == TEXT
    assert len(chunks) > 4
    assert (
        whole.candidates[0].finish_reason.name
        == chunks[-1].candidates[0].finish_reason.name
        == "STOP"
    )


@every_old_way
@pytest.mark.parametrize("name", CALLS)
def test_the_old_sdks_get_the_same_function_calls_whole_and_streamed(old: Any, name: str) -> None:
    whole, chunks = (
        old.ask(f"call {name}", tools=old.tools),
        old.ask(f"call {name}", tools=old.tools, stream=True),
    )
    assert old_calls([whole]) == old_calls(chunks) == CALLS[name]


@every_old_way
@pytest.mark.parametrize("stop", STOPS)
def test_the_old_sdks_know_the_finish_reasons(old: Any, stop: str) -> None:
    whole, last = old.ask(f"end {stop}"), list(old.ask(f"end {stop}", stream=True))[-1]
    assert (
        whole.candidates[0].finish_reason.name
        == last.candidates[0].finish_reason.name
        == STOPS[stop]
    )


@every_old_way
def test_the_old_sdks_see_a_refusal_as_text_that_safety_stopped(old: Any) -> None:
    candidate = old.ask("refuse").candidates[0]
    assert (candidate.content.parts[0].text, candidate.finish_reason.name) == (
        "I can't help with that.",
        "SAFETY",
    )


@every_old_way
def test_the_old_sdks_get_the_same_usage_whole_and_streamed(old: Any) -> None:
    whole, last = old.ask("spend"), list(old.ask("spend", stream=True))[-1]
    for usage in (whole.usage_metadata, last.usage_metadata):
        assert (
            usage.prompt_token_count,
            usage.candidates_token_count,
            usage.total_token_count,
        ) == (12, 5, 21)
        assert usage.cached_content_token_count == 8


@every_old_way
def test_the_old_sdks_get_several_candidates(old: Any) -> None:
    config = {"candidate_count": 2}
    whole, chunks = (
        old.ask("hello", generation_config=config),
        list(old.ask("hello", generation_config=config, stream=True)),
    )
    for index in (0, 1):
        assert old_text([whole], index) == old_text(chunks, index) == TEXT


@every_old_way
def test_the_old_sdks_count_tokens(old: Any) -> None:
    assert old.count("count") == 31


@every_old_way
def test_the_old_sdks_embed_each_text(old: Any) -> None:
    assert old.embed(["one", "two"]) == [VECTOR, [1.0, 0.0, -0.125]]


def test_generativeai_lists_and_retrieves_models(server: str) -> None:
    sdk = Generativeai(server).sdk
    assert f"models/{MODEL}" in [model.name for model in sdk.list_models(page_size=2)]
    assert sdk.get_model("models/my-own-model").name == "models/my-own-model"


@every_old_way
@pytest.mark.parametrize("status", RAISED)
def test_the_old_sdks_raise_their_own_exceptions(old: Any, status: int) -> None:
    options = {"request_options": {"retry": None}} if isinstance(old, Generativeai) else {}
    with pytest.raises(RAISED[status], match="as ordered"):
        old.ask(f"fail {status}", **options)


@every_old_way
def test_the_old_sdks_raise_on_a_streamed_error_which_is_an_array(old: Any) -> None:
    # As with the real API: an older google-api-core reads no arrays, hence generativeai's "Please
    # retry with `stream=False`".
    said = "stream=False|'list' object|as ordered"
    with pytest.raises((exceptions.BadRequest, AttributeError), match=said):
        list(old.ask("fail 400", stream=True))


@every_old_way
def test_the_old_sdks_say_why_nothing_matched(old: Any) -> None:
    with pytest.raises(exceptions.NotFound, match='user is "hullo", expected "hello"'):
        old.ask("hullo")


@every_old_way
def test_the_old_sdks_retry_until_the_third_answer(old: Any) -> None:
    policy = Retry(
        initial=0.001,
        maximum=0.002,
        timeout=10.0,
        predicate=lambda error: isinstance(error, tuple(RAISED.values())),
    )
    way = "generativeai" if isinstance(old, Generativeai) else "vertexai"
    assert old.retry(f"sync retry {way}", policy).text == "third time lucky"


# --- On the wire ---

PATHS = {
    "gemini": f"/v1beta/models/{MODEL}",
    "vertex": "/v1beta1/projects/my-project/locations/us-central1/publishers/google"
    f"/models/{MODEL}",
    "express": f"/v1beta1/publishers/google/models/{MODEL}",
}
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


@every_way
def test_the_answer_is_compressed_on_the_wire_and_plain_in_the_sdk(
    request: pytest.FixtureRequest, client: Any, post: Callable[..., Any]
) -> None:
    answer = ask(client, "hello")
    way = request.node.callspec.params["client"]
    wire = post(PATHS[way] + ":generateContent", HELLO, accept_encoding="gzip")
    sent = {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}
    assert wire.headers["content-encoding"] == sent["content-encoding"] == "gzip"
    assert wire.body[:2] == b"\x1f\x8b" and len(wire.body) == int(wire.headers["content-length"])
    assert (
        text_of([types.GenerateContentResponse.model_validate_json(gzip.decompress(wire.body))])
        == answer.text
        == TEXT
    )


@pytest.mark.parametrize("way", PATHS)
def test_without_an_event_stream_the_stream_is_a_json_array(
    way: str, post: Callable[..., Any]
) -> None:
    path = PATHS[way] + ":streamGenerateContent"
    wire = post(path + "?alt=json", HELLO)
    packed = post(path + "?$alt=json;enum-encoding=int", HELLO, accept_encoding="gzip")
    chunks = [
        types.GenerateContentResponse.model_validate(chunk) for chunk in json.loads(wire.body)
    ]
    assert text_of(chunks) == TEXT
    assert packed.body[:2] == b"\x1f\x8b" and gzip.decompress(packed.body) == wire.body


@pytest.mark.parametrize("way", PATHS)
def test_an_error_is_an_array_where_its_stream_would_be_one(
    way: str, post: Callable[..., Any]
) -> None:
    path, body = (
        PATHS[way] + ":streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "fail 429"}]}]},
    )
    plain, [wrapped] = (
        json.loads(post(path + query, body).body) for query in ("?alt=sse", "?alt=json")
    )
    assert wrapped == plain
    assert {**plain["error"], "details": []} == {
        "code": 429,
        "message": "as ordered",
        "status": "RESOURCE_EXHAUSTED",
        "details": [],
    }


@pytest.mark.parametrize("way", WAYS)
def test_the_recordings_that_come_with_the_server_decode(shipped: str, way: str) -> None:
    with connect(way, shipped) as client:
        whole, chunks = ask(client, POEM), list(ask_stream(client, POEM))
    assert whole.text == text_of(chunks) > ""
    assert stops_of([whole]) == stops_of(chunks) == ["STOP"]
