"""Agents: each official SDK in a loop that lets a model use tools until it says something, whole
and streamed, sync and async.

An agent that runs comes to what its SDK made of each answer, as plain values: equal bytes make
equal ones.  A stream is put together by hand, from the events that are compared."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import anthropic
import boto3
import cohere
import ollama
import openai
from botocore.config import Config
from conftest import Plain
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from mistralai.client import Mistral

SYSTEM = "Be brief."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}
TOOL = {"type": "function", "function": FUNCTION}
CLAUDE_TOOL = {"name": "get_weather", "description": "In a city.", "input_schema": CITY}
RESULT = "4 C"  # in every city: only the turn tells a first result from the next ones
AGAIN = "And tomorrow?"
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NICE = {"name": "get_weather", "arguments": {"city": "Nice"}}
# What the model says at each turn, whatever it is asked.
MODEL: List[Any] = [
    {"match": {"turn": 0}, "response": {"text": "Let me see.", "tool_calls": [OSLO]}},
    {"match": {"turn": 1}, "response": {"tool_calls": [ROME, NICE]}},
    {"match": {"turn": 2}, "response": {"text": 'It is "4 C" — wörldwide.\n{{user}}'}},
    {"match": {"turn": 3}, "response": {"text": "The same, {{user}}"}},
]
REQUESTS = len(MODEL)  # of one run


class Called(NamedTuple):
    """A call of a tool."""

    id: str
    name: str


class Turn(NamedTuple):
    """What a model answered: as the SDK has it, as the conversation goes on with it, and what it
    calls."""

    heard: Any
    said: List[Any]
    calls: List[Called]


class Agent:
    """What all agents do; `sdk` is the client, sync or async."""

    def __init__(self, sdk: Any) -> None:
        self.sdk = sdk

    def opening(self, user: str) -> List[Any]:
        """The messages that a conversation begins with."""
        return [{"role": "system", "content": SYSTEM}, self.user(user)]

    def user(self, text: str) -> Any:
        """A user message."""
        return {"role": "user", "content": text}

    def results(self, calls: List[Called]) -> List[Any]:
        """The messages with the results of calls."""
        return [{"role": "tool", "tool_call_id": one.id, "content": RESULT} for one in calls]

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        """The model's next turn."""
        raise NotImplementedError

    def run(self, user: str, stream: bool) -> List[Any]:
        """A whole conversation: tools until there is none to call, and a last question."""
        heard: List[Any] = []
        with Plain(self.sdk) as client:
            messages = self.opening(user)
            for more in (self.user(AGAIN), None):
                turn = self.ask(client, messages, stream)
                heard.append(turn.heard)
                while turn.calls:
                    assert len(heard) < REQUESTS, "the agent goes round in circles"
                    messages += [*turn.said, *self.results(turn.calls)]
                    turn = self.ask(client, messages, stream)
                    heard.append(turn.heard)
                messages += [*turn.said, more]
        return heard


def joined(pieces: Iterator[Any]) -> str:
    """The text of pieces, some of them none."""
    return "".join(piece or "" for piece in pieces)


def message_of(chunks: List[Any]) -> Any:
    """The message of chunks in OpenAI's form."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls: Dict[int, Any] = {}
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls") or ()):
        call = calls.setdefault(piece.get("index", len(calls)), piece)
        if call is not piece:
            function = dict(call["function"])
            function["arguments"] += piece["function"]["arguments"]
            calls[piece["index"]] = {**call, "function": function}
    message = {"role": "assistant", "content": joined(one.get("content") for one in deltas)}
    if not calls:
        return message
    made = [{name: one[name] for name in ("id", "type", "function")} for one in calls.values()]
    return {**message, "tool_calls": made}


def called(message: Any) -> List[Called]:
    """The calls of a message in OpenAI's form."""
    calls = message.get("tool_calls") or ()
    return [Called(one["id"], one["function"]["name"]) for one in calls]


class Chat(Agent):
    """openai's chat completions, at OpenAI and at Azure."""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        more: Any = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        asked = {"model": "gpt-4o", "messages": messages, "tools": [TOOL], **more}
        found = client(lambda sdk: sdk.chat.completions.create(**asked))
        if stream:
            heard = [chunk.to_dict() for chunk in found]
            message = message_of(heard)
        else:
            heard = found.to_dict()
            message = heard["choices"][0]["message"]
        return Turn(heard, [message], called(message))


class Responses(Agent):
    """openai's responses."""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        tool = {"type": "function", "strict": False, **FUNCTION}
        asked = {"model": "gpt-4o", "input": messages, "tools": [tool], "stream": stream}
        found = client(lambda sdk: sdk.responses.create(**asked))
        if stream:
            heard = [event.to_dict() for event in found]
            output = heard[-1]["response"]["output"]
        else:
            heard = found.to_dict()
            output = heard["output"]
        calls = [one for one in output if one["type"] == "function_call"]
        return Turn(heard, output, [Called(one["call_id"], one["name"]) for one in calls])

    def results(self, calls: List[Called]) -> List[Any]:
        kind = "function_call_output"
        return [{"type": kind, "call_id": one.id, "output": RESULT} for one in calls]


def blocks_of(events: List[Any]) -> List[Any]:
    """The content blocks of Anthropic's events."""
    blocks: List[Any] = []
    for event in events:
        delta = event.get("delta", {})
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "json": ""})
        elif "text" in delta:
            blocks[-1]["text"] += delta["text"]
        elif "partial_json" in delta:
            blocks[-1]["json"] += delta["partial_json"]
    for block in blocks:
        pieces = block.pop("json")
        if pieces:
            block["input"] = json.loads(pieces)
    return blocks


class Claude(Agent):
    """anthropic's messages, at Anthropic, on Vertex AI and on Bedrock."""

    model = "claude-sonnet-4-5"

    def opening(self, user: str) -> List[Any]:
        return [self.user(user)]

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        asked = {"messages": messages, "tools": [CLAUDE_TOOL], "system": SYSTEM, "max_tokens": 99}
        found = client(lambda sdk: sdk.messages.create(model=self.model, stream=stream, **asked))
        heard: Any = [one.to_dict() for one in found] if stream else found.to_dict()
        return self.turn(heard, blocks_of(heard) if stream else heard["content"])

    def turn(self, heard: Any, blocks: List[Any]) -> Turn:
        """A turn of these content blocks."""
        calls = [Called(one["id"], one["name"]) for one in blocks if one["type"] == "tool_use"]
        return Turn(heard, [{"role": "assistant", "content": blocks}], calls)

    def results(self, calls: List[Called]) -> List[Any]:
        content = [
            {"type": "tool_result", "tool_use_id": one.id, "content": RESULT} for one in calls
        ]
        return [{"role": "user", "content": content}]


class Invoke(Claude):
    """The same through boto3's invoke_model."""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        asked = {"anthropic_version": "bedrock-2023-05-31", "system": SYSTEM, "max_tokens": 99}
        body = json.dumps({**asked, "messages": messages, "tools": [CLAUDE_TOOL]})
        request = {"modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "body": body}
        if not stream:
            heard = json.load(client.sdk.invoke_model(**request)["body"])
            return self.turn(heard, heard["content"])
        found = client.sdk.invoke_model_with_response_stream(**request)
        events = [json.loads(event["chunk"]["bytes"]) for event in found["body"]]
        return self.turn(events, blocks_of(events))


def content_of(events: List[Any]) -> List[Any]:
    """The content of Converse's events."""
    found: Dict[int, Any] = {}
    for event in events:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            found[start["contentBlockIndex"]] = {"toolUse": {**start["start"]["toolUse"]}}
        if "contentBlockDelta" in event:
            place, delta = (
                event["contentBlockDelta"][name] for name in ("contentBlockIndex", "delta")
            )
            if "text" in delta:
                block = found.setdefault(place, {"text": ""})
                block["text"] += delta["text"]
            else:
                call = found[place]["toolUse"]
                call["input"] = call.get("input", "") + delta["toolUse"]["input"]
    for call in (block["toolUse"] for block in found.values() if "toolUse" in block):
        call["input"] = json.loads(call["input"])
    return list(found.values())


class Converse(Agent):
    """boto3's converse and converse_stream."""

    def opening(self, user: str) -> List[Any]:
        return [self.user(user)]

    def user(self, text: str) -> Any:
        return {"role": "user", "content": [{"text": text}]}

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        tool = {"name": "get_weather", "inputSchema": {"json": CITY}}
        request = {
            "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "system": [{"text": SYSTEM}],
            "messages": messages,
            "toolConfig": {"tools": [{"toolSpec": tool}]},
        }
        heard: Any
        if stream:
            heard = list(client.sdk.converse_stream(**request)["stream"])
            content = content_of(heard)
        else:
            heard = client.sdk.converse(**request)
            del heard["ResponseMetadata"]  # the request's id, the answer's date
            content = heard["output"]["message"]["content"]
        calls = [one["toolUse"] for one in content if "toolUse" in one]
        made = [Called(one["toolUseId"], one["name"]) for one in calls]
        return Turn(heard, [{"role": "assistant", "content": content}], made)

    def results(self, calls: List[Called]) -> List[Any]:
        content = [
            {"toolResult": {"toolUseId": one.id, "content": [{"text": RESULT}]}} for one in calls
        ]
        return [{"role": "user", "content": content}]


class Google(Agent):
    """google-genai, for Gemini and for Vertex AI."""

    config = types.GenerateContentConfig(
        system_instruction=SYSTEM,
        tools=[types.Tool(function_declarations=[FUNCTION])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )

    def opening(self, user: str) -> List[Any]:
        return [self.user(user)]

    def user(self, text: str) -> Any:
        return types.Content(role="user", parts=[types.Part.from_text(text=text)])

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        method = "generate_content_stream" if stream else "generate_content"
        asked = {"model": "gemini-2.5-flash", "contents": messages, "config": self.config}
        found = client(lambda sdk: getattr(sdk.models, method)(**asked))
        chunks = found if stream else [found]
        heard = [
            # Its headers have the date.
            one.model_dump(exclude={"sdk_http_response"}, exclude_none=True)
            for one in chunks
        ]
        contents = [one.candidates[0].content for one in chunks]
        parts = [part for content in contents if content for part in content.parts or ()]
        calls = [part.function_call for part in parts if part.function_call]
        said = types.Content(role="model", parts=parts)
        return Turn(heard, [said], [Called(one.id or "", one.name) for one in calls])

    def results(self, calls: List[Called]) -> List[Any]:
        made = types.Part.from_function_response
        parts = [made(name=one.name, response={"result": RESULT}) for one in calls]
        return [types.Content(role="user", parts=parts)]


class Command(Agent):
    """cohere's chat."""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        asked = {"model": "command-a-03-2025", "messages": messages, "tools": [TOOL]}
        if not stream:
            heard = client(lambda sdk: sdk.chat(**asked)).model_dump(mode="json", exclude_none=True)
            message = heard["message"]
            return Turn(heard, [message], called(message))
        found = client(lambda sdk: sdk.chat_stream(**asked))
        events = [event.model_dump(mode="json", exclude_none=True) for event in found]
        deltas = [
            event["delta"]["message"] for event in events if "message" in event.get("delta", {})
        ]
        calls: List[Any] = []
        for piece in (one["tool_calls"] for one in deltas if one.get("tool_calls")):
            if "id" in piece:
                calls.append({**piece, "function": {**piece["function"]}})
            else:
                calls[-1]["function"]["arguments"] += piece["function"]["arguments"]
        contents = [one["content"] for one in deltas if one.get("content")]
        text = joined(one.get("text") for one in contents)
        plan = joined(one.get("tool_plan") for one in deltas)
        said = {"tool_calls": calls, "tool_plan": plan} if calls else {"content": text}
        message = {"role": "assistant", **said}
        return Turn(events, [message], called(message))


class Mistrals(Agent):
    """mistralai's chat."""

    suffix = ""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        method = ("stream" if stream else "complete") + self.suffix
        asked = {"model": "mistral-small-latest", "messages": messages, "tools": [TOOL]}
        found = client(lambda sdk: getattr(sdk.chat, method)(**asked))
        if stream:
            heard = [event.data.model_dump(mode="json", exclude_unset=True) for event in found]
            message = message_of([self.typed(chunk) for chunk in heard])
        else:
            heard = found.model_dump(mode="json", exclude_unset=True)
            message = heard["choices"][0]["message"]
        return Turn(heard, [message], called(message))

    def typed(self, chunk: Any) -> Any:
        """A chunk whose calls say of what type they are, which Mistral's may leave out."""
        made = json.loads(json.dumps(chunk))
        for choice in made["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                call["type"] = "function"
        return made


class MistralsAsync(Mistrals):
    """The same, async."""

    suffix = "_async"


class Llama(Agent):
    """ollama's chat."""

    def ask(self, client: Plain, messages: List[Any], stream: bool) -> Turn:
        asked = {"model": "llama3.2", "messages": messages, "tools": [TOOL], "stream": stream}
        found = client(lambda sdk: sdk.chat(**asked))
        heard = [one.model_dump(mode="json") for one in (found if stream else [found])]
        messages = [one["message"] for one in heard]
        calls = [call for message in messages for call in message["tool_calls"] or ()]
        text = joined(message["content"] for message in messages)
        said = {"role": "assistant", "content": text, "tool_calls": calls}
        return Turn(heard, [said], [Called("", one["function"]["name"]) for one in calls])

    def results(self, calls: List[Called]) -> List[Any]:
        return [{"role": "tool", "tool_name": one.name, "content": RESULT} for one in calls]


# Credentials, each in the form that its provider gives them.  What no file and no log may hold is
# PLANTED, in small letters or capitals.
PLANTED = "planted"
OPENAI_KEY = "sk-proj-Planted0openai0key0Planted0openai0key0Planted0key"
CLAUDE_KEY = "sk-ant-api03-Planted0claude0key0Planted0claude0key0Planted0key-AA"
GOOGLE_KEY = "AIzaSyPlanted0google0key0Planted0google"
TOKEN = "ya29.Planted0google0token0Planted0google0token"
AZURE_KEY = "Planted0azure0key0Planted0azure0"
COHERE_KEY = "Planted0cohere0key0Planted0cohere0key000"
MISTRAL_KEY = "Planted0mistral0key0Planted0mist"
OLLAMA_KEY = "Planted0ollama0key0Planted0ollama0key"
ACCESS, SECRET = "AKIAPLANTEDAWSKEYSAA", "Planted0aws0secret00Planted0aws0secret00"
SESSION = "IQoJb3JpZ2lu" + "Planted0aws0session0" * 4
CREDENTIALS = (
    *(OPENAI_KEY, CLAUDE_KEY, GOOGLE_KEY, TOKEN, AZURE_KEY, COHERE_KEY, MISTRAL_KEY, OLLAMA_KEY),
    *(ACCESS, SECRET, SESSION),
)
ORGANISATION, PROJECT = "org-Planted0organisation0Planted", "proj_Planted0project0Planted0000"

PROXY = {"max_retries": 0, "timeout": 30}
OPENAI = {"api_key": OPENAI_KEY, "organization": ORGANISATION, "project": PROJECT, **PROXY}
AZURE = {"api_key": AZURE_KEY, "api_version": "2025-04-01-preview", **PROXY}
SIGNED = {
    "aws_access_key_id": ACCESS,
    "aws_secret_access_key": SECRET,
    "aws_session_token": SESSION,
    "region_name": "us-east-1",
}
CLAUDE_ON_AWS = {
    "aws_access_key": ACCESS,
    "aws_secret_key": SECRET,
    "aws_session_token": SESSION,
    "aws_region": "us-east-1",
    **PROXY,
}
CLAUDE_ON_VERTEX = {"region": "us-east5", "project_id": "p", "access_token": TOKEN, **PROXY}


def google(url: str, **more: Any) -> genai.Client:
    """A client of google-genai."""
    return genai.Client(http_options=types.HttpOptions(base_url=url, timeout=30_000), **more)


def vertex(url: str) -> genai.Client:
    """The same for Vertex AI."""
    place = {"project": "p", "location": "us-central1"}
    return google(url, vertexai=True, credentials=Credentials(token=TOKEN), **place)


def aws(url: str) -> Any:
    """boto3's client."""
    once = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    return boto3.client("bedrock-runtime", endpoint_url=url, config=once, **SIGNED)


class ClaudeOnVertex(Claude):
    """Claude with the name that Vertex AI has for it."""

    model = "claude-sonnet-4-5@20250929"


class ClaudeOnBedrock(Claude):
    """Claude with the name that Bedrock has for it."""

    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


# name: what makes the agent at an address
AGENTS: Dict[str, Callable[[str], Agent]] = {
    "chat": lambda url: Chat(openai.OpenAI(base_url=url + "/v1", **OPENAI)),
    "chat, async": lambda url: Chat(openai.AsyncOpenAI(base_url=url + "/v1", **OPENAI)),
    "responses": lambda url: Responses(openai.OpenAI(base_url=url + "/v1", **OPENAI)),
    "responses, async": lambda url: Responses(openai.AsyncOpenAI(base_url=url + "/v1", **OPENAI)),
    "azure": lambda url: Chat(openai.AzureOpenAI(azure_endpoint=url, **AZURE)),
    "anthropic": lambda url: Claude(anthropic.Anthropic(base_url=url, api_key=CLAUDE_KEY, **PROXY)),
    "anthropic, async": lambda url: Claude(
        anthropic.AsyncAnthropic(base_url=url, api_key=CLAUDE_KEY, **PROXY)
    ),
    "anthropic on vertex": lambda url: ClaudeOnVertex(
        anthropic.AnthropicVertex(base_url=url + "/v1", **CLAUDE_ON_VERTEX)
    ),
    "anthropic on bedrock": lambda url: ClaudeOnBedrock(
        anthropic.AnthropicBedrock(base_url=url, **CLAUDE_ON_AWS)
    ),
    "gemini": lambda url: Google(google(url, api_key=GOOGLE_KEY, vertexai=False)),
    "gemini, async": lambda url: Google(google(url, api_key=GOOGLE_KEY, vertexai=False).aio),
    "vertex": lambda url: Google(vertex(url)),
    "converse": lambda url: Converse(aws(url)),
    "invoke": lambda url: Invoke(aws(url)),
    "cohere": lambda url: Command(cohere.ClientV2(COHERE_KEY, base_url=url, timeout=30)),
    "cohere, async": lambda url: Command(
        cohere.AsyncClientV2(COHERE_KEY, base_url=url, timeout=30)
    ),
    "mistral": lambda url: Mistrals(Mistral(MISTRAL_KEY, server_url=url + "/mistral")),
    "mistral, async": lambda url: MistralsAsync(Mistral(MISTRAL_KEY, server_url=url + "/mistral")),
    "ollama": lambda url: Llama(
        ollama.Client(url, headers={"Authorization": f"Bearer {OLLAMA_KEY}"})
    ),
    "ollama, async": lambda url: Llama(
        ollama.AsyncClient(url, headers={"Authorization": f"Bearer {OLLAMA_KEY}"})
    ),
}
WAYS: List[Tuple[str, bool]] = [(name, stream) for name in AGENTS for stream in (False, True)]
