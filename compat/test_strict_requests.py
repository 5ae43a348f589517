"""Nothing normal is refused: what the official SDKs send for rich requests passes a strict server,
and of what the other tests here send (see conftest.py) refused.py has no row too many.

Its name puts it behind all others: what they sent is known by then."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Callable, Dict, Iterator, List

import pytest
from conftest import BROKEN_BY, PASSED, serving, settled
from refused import REFUSED

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSuQmCC"
URL = "data:image/png;base64," + PNG
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**CITY, "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f", "description": "Tells.", "parameters": CITY}}
ARGUMENTS = '{"city":"Oslo"}'
SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hi"}
SHOWN = {"type": "image_url", "image_url": {"url": URL}}
SHOWING = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, SHOWN]}


def openai_messages(first: str, second: str) -> List[Any]:
    """A conversation in which tools were called and have answered, in OpenAI's form."""
    function = {"name": "f", "arguments": ARGUMENTS}
    calls = [{"id": id, "type": "function", "function": function} for id in (first, second)]
    results = [{"role": "tool", "tool_call_id": id, "content": "4 C"} for id in (second, first)]
    return [SYSTEM, SHOWING, {"role": "assistant", "content": "", "tool_calls": calls}, *results]


SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": CLOSED}}
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 64}


def openai_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of openai."""
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=url + "/v1", api_key="k", max_retries=0)
    chat = client.chat.completions.create
    talk = openai_messages("call_1", "call_2")
    yield lambda: chat(model="gpt-4o", messages=talk, tools=[TOOL], tool_choice="auto", **SAMPLING)
    yield lambda: chat(
        model="gpt-4o",
        messages=talk,
        tools=[TOOL],
        parallel_tool_calls=False,
        stream=True,
        stream_options={"include_usage": True},
        response_format=SCHEMA,
        stop=["x"],
        seed=1,
        user="u",
        metadata={"a": "b"},
        n=2,
        logprobs=True,
        top_logprobs=2,
    )
    yield lambda: chat(
        model="gpt-5", messages=[USER], max_completion_tokens=64, reasoning_effort="low"
    )
    yield lambda: client.responses.create(
        model="gpt-5",
        instructions="Be brief.",
        input=[
            USER,
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "c1", "output": "4 C"},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "And this?"},
                    {"type": "input_image", "image_url": URL},
                ],
            },
        ],
        tools=[{"type": "function", "name": "f", "parameters": CLOSED, "strict": True}],
        text={"format": {"type": "json_schema", "name": "a", "strict": True, "schema": CLOSED}},
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=False,
    )
    yield lambda: client.responses.create(model="gpt-4o", input="Hi", stream=True)
    embed = client.embeddings.create
    yield lambda: embed(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
    yield lambda: embed(model="text-embedding-ada-002", input=[1, 2], encoding_format="float")
    azure = openai.AzureOpenAI(azure_endpoint=url, api_key="k", api_version="2025-04-01-preview")
    yield lambda: azure.chat.completions.create(model="gpt-4o", messages=talk, tools=[TOOL])
    yield lambda: azure.embeddings.create(model="text-embedding-3-small", input="a", user="u")


def anthropic_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of anthropic."""
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    cached = {"cache_control": {"type": "ephemeral"}}
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    calls = [{"type": "tool_use", "id": id, "name": "f", "input": {"city": "Oslo"}} for id in "ab"]
    results = [{"type": "tool_result", "tool_use_id": id, "content": "4 C"} for id in "ba"]
    talk = [
        {
            "role": "user",
            "content": [{"type": "image", "source": source}, {"type": "text", "text": "x"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, *calls]},
        {"role": "user", "content": [*results, {"type": "text", "text": "So?"}]},
    ]
    more: Dict[str, Any] = {
        "system": [{"type": "text", "text": "Be brief.", **cached}],
        "tools": [{"name": "f", "description": "Tells.", "input_schema": CITY, **cached}],
    }
    model, create = "claude-sonnet-4-5", client.messages.create
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    yield lambda: create(
        model=model, max_tokens=64, messages=talk, tool_choice=choice, stop_sequences=["x"], **more
    )
    yield lambda: create(
        model=model,
        max_tokens=2048,
        messages=[USER],
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 1024},
        metadata={"user_id": "u"},
    )
    yield lambda: client.messages.count_tokens(model=model, messages=talk, **more)
    vertex = anthropic.AnthropicVertex(
        base_url=url + "/v1", region="us-east5", project_id="p", access_token="t"
    )
    yield lambda: vertex.messages.create(
        model="claude-sonnet-4-5@20250929", max_tokens=64, messages=talk, **more
    )


def google_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of google-genai."""
    genai = pytest.importorskip("google.genai")
    types = genai.types
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    function = types.FunctionDeclaration(
        name="f",
        description="Tells.",
        parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}),
    )
    parts = [types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")]
    calls = [types.Part.from_function_call(name="f", args={"city": one}) for one in ("a", "b")]
    results = [types.Part.from_function_response(name="f", response={"r": one}) for one in "ab"]
    talk = [
        types.Content(role="user", parts=[types.Part.from_text(text="x"), *parts]),
        types.Content(role="model", parts=calls),
        types.Content(role="user", parts=results),
    ]
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        tools=[types.Tool(function_declarations=[function])],
        temperature=0.5,
        max_output_tokens=64,
        stop_sequences=["x"],
        thinking_config=types.ThinkingConfig(thinking_budget=0),
    )
    schema = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=CLOSED, candidate_count=1
    )
    flash, ask = "gemini-2.5-flash", client.models
    yield lambda: ask.generate_content(model=flash, contents=talk, config=config)
    yield lambda: list(ask.generate_content_stream(model=flash, contents="Hi", config=schema))
    yield lambda: ask.count_tokens(model=flash, contents="Hi")
    yield lambda: ask.embed_content(model="gemini-embedding-001", contents=["a", "b"])


def bedrock_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of boto3."""
    boto3 = pytest.importorskip("boto3")
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="AKIAMOCK",
        aws_secret_access_key="secret",
    )
    image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
    calls = [{"toolUse": {"toolUseId": id, "name": "f", "input": {"city": "x"}}} for id in "ab"]
    results = [{"toolResult": {"toolUseId": id, "content": [{"text": "4 C"}]}} for id in "ba"]
    request = {
        "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [{"text": "x"}, image]},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": results},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": CITY}}}]},
        "inferenceConfig": {"maxTokens": 64, "temperature": 0.5, "stopSequences": ["x"]},
        "additionalModelRequestFields": {"top_k": 5},
    }
    yield lambda: client.converse(**request)
    yield lambda: list(client.converse_stream(**request)["stream"])
    claude = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 64,
        "messages": [USER],
        "tools": [{"name": "f", "input_schema": CITY}],
    }
    yield lambda: client.invoke_model(modelId=request["modelId"], body=json.dumps(claude))


def cohere_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of cohere."""
    cohere = pytest.importorskip("cohere")
    client = cohere.ClientV2("k", base_url=url)
    calls = openai_messages("f_1", "f_2")[2]["tool_calls"]
    found = [{"type": "document", "document": {"data": '{"t": 4}'}}]
    talk = [
        USER,
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": calls},
        *[{"role": "tool", "tool_call_id": id, "content": found} for id in ("f_1", "f_2")],
        SYSTEM,
        SHOWING,
    ]
    more: Dict[str, Any] = {"model": "command-a-03-2025", "tools": [TOOL], "strict_tools": True}
    yield lambda: client.chat(messages=talk, temperature=0.3, p=0.5, k=10, seed=1, **more)
    yield lambda: client.chat_stream(messages=talk, tool_choice="REQUIRED", **more)
    yield lambda: client.chat(
        model="command-a-03-2025",
        messages=[USER],
        documents=["a", {"data": {"b": "c"}, "id": "1"}],
        citation_options={"mode": "FAST"},
        response_format={"type": "json_object", "json_schema": CITY},
        safety_mode="STRICT",
        stop_sequences=["x"],
        logprobs=True,
        thinking={"type": "disabled"},
    )
    embed = {"model": "embed-v4.0", "input_type": "search_document"}
    yield lambda: client.embed(texts=["a"], embedding_types=["float", "int8"], **embed)
    yield lambda: client.embed(images=[URL], model="embed-v4.0", input_type="image")
    inputs: Any = [{"content": [{"type": "text", "text": "a"}, SHOWN]}]
    yield lambda: client.embed(inputs=inputs, output_dimension=256, truncate="END", **embed)


def mistral_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of mistralai."""
    client = pytest.importorskip("mistralai.client").Mistral("k", server_url=url + "/mistral")
    talk = openai_messages("abcDEF123", "abcDEF124")
    small, chat = "mistral-small-latest", client.chat
    yield lambda: chat.complete(model=small, messages=talk, tools=[TOOL], **SAMPLING)
    yield lambda: chat.stream(
        model=small,
        messages=[*talk, {"role": "assistant", "content": "It is", "prefix": True}],
        tools=[TOOL],
        tool_choice="any",
        parallel_tool_calls=True,
        response_format=SCHEMA,
        random_seed=1,
        safe_prompt=True,
        stop="x",
        n=1,
        presence_penalty=0.5,
        metadata={"a": "b"},
        prediction={"type": "content", "content": "x"},
    )
    document = {"type": "document_url", "document_url": "https://e.com/a.pdf"}
    yield lambda: chat.complete(
        model="magistral-medium-latest",
        messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, document]}],
        prompt_mode="reasoning",
        reasoning_effort="high",
    )
    fim = {"model": "codestral-latest", "prompt": "def f", "suffix": "return", "stop": ["x"]}
    yield lambda: client.fim.complete(**fim)
    yield lambda: client.fim.stream(min_tokens=1, **fim)
    embed = client.embeddings.create
    yield lambda: embed(model="mistral-embed", inputs=["a", "b"])
    yield lambda: embed(
        model="codestral-embed", inputs="a", output_dimension=8, output_dtype="int8"
    )
    openai = pytest.importorskip("openai").OpenAI(base_url=url + "/mistral/v1", api_key="k")
    yield lambda: openai.embeddings.create(model="mistral-embed", input=["a"])


def ollama_requests(url: str) -> Iterator[Callable[[], Any]]:
    """Those of ollama."""
    client = pytest.importorskip("ollama").Client(url)
    call = {"function": {"name": "f", "arguments": {"city": "Oslo"}}}
    talk = [
        SYSTEM,
        {**USER, "images": [base64.b64decode(PNG)]},
        {"role": "assistant", "thinking": "Hm.", "tool_calls": [call, call]},
        {"role": "tool", "tool_name": "f", "content": "4 C"},
        {"role": "tool", "tool_name": "f", "content": "9 C"},
    ]
    options = {"temperature": 0.5, "num_ctx": 4096, "stop": ["x"], "seed": 1}
    yield lambda: client.chat("qwen3", talk, tools=[TOOL], think=True, options=options)
    yield lambda: client.chat("gpt-oss", [USER], stream=True, think="high", format=CITY)
    yield lambda: client.chat("llama3.2", [])
    yield lambda: client.generate(
        "llama3.2", "x", suffix="y", system="z", images=[PNG], format="json", keep_alive="5m"
    )
    yield lambda: client.generate("llama3.2", "x", raw=True, context=[1, 2], stream=True)
    yield lambda: client.embed("nomic-embed-text", ["a", "b"], truncate=True, dimensions=8)
    yield lambda: client.embeddings("nomic-embed-text", "a")


SDKS = (
    *(openai_requests, anthropic_requests, google_requests, bedrock_requests),
    *(cohere_requests, mistral_requests, ollama_requests),
)


@pytest.mark.parametrize("requests", SDKS, ids=lambda made: made.__name__)
def test_what_an_sdk_sends_for_rich_requests_is_not_refused(
    requests: Callable[[str], Iterator[Callable[[], Any]]],
) -> None:
    with serving("--strict", "--fallback", "echo") as url:
        for ask in requests(url):
            asyncio.run(settled(ask()))  # which raises what is refused


def test_what_is_refused_raises_the_sdks_own_exception() -> None:
    mistral, models = pytest.importorskip("mistralai.client"), pytest.importorskip("cohere")
    ollama = pytest.importorskip("ollama")
    with serving("--strict", "--fallback", "echo") as url:
        client = mistral.Mistral("k", server_url=url + "/mistral")
        with pytest.raises(mistral.errors.HTTPValidationError) as wrong:
            client.chat.complete(model="m", messages=[USER], temperature=2, n=0)
        told = [(one.loc, one.type, one.input) for one in wrong.value.data.detail]
        expected = (["body", "temperature"], "less_than_equal", 2)
        assert told == [expected, (["body", "n"], "greater_than_equal", 0)]
        with pytest.raises(mistral.errors.SDKError, match="Expected last role User or Tool"):
            client.chat.stream(model="m", messages=[USER, {**USER, "role": "assistant"}])
        with pytest.raises(models.BadRequestError, match="valid input_type must be provided"):
            models.ClientV2("k", base_url=url).embed(model="m", texts=["a"], input_type="")
        with pytest.raises(ollama.ResponseError, match='^invalid think value: "xhigh"'):
            ollama.Client(url).generate("qwen3", "x", think="xhigh")


def test_no_row_of_refused_is_one_too_many(request: pytest.FixtureRequest) -> None:
    options = request.config.option
    if options.keyword or options.markexpr or any("::" in one for one in request.config.args):
        pytest.skip("of a part of the tests nothing is known")
    rows = [row for row in REFUSED if row.test in PASSED]
    sent = {row.test: BROKEN_BY.get(row.test, set()) for row in rows}
    assert [row for row in rows if not sent[row.test].issuperset(row.rules)] == []
