"""What a recorded mock matches: its own request, however it comes again, and no other."""

from __future__ import annotations

import copy
import json
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

from mocked import mock_of
from samples import GENERATE, SAMPLES, call_of, request_of, wire_of

import mock_server as m


def matched(call: m.Call) -> Dict[str, Any]:
    """The match of a call's recording."""
    wire = next(wire for wire in (m.route(call.request)[0],))
    return m.match_of(wire, call, m.Scrubber(m.own_secrets(call.request)))


def recorded(call: m.Call) -> m.Mock:
    """The mock of a call's recording, as it is read back."""
    match = matched(call)
    assert json.loads(json.dumps(match)) == match
    return mock_of({"match": match, "response": {"raw": "x"}})


def read(request: m.Request) -> m.Call:
    """A request, read."""
    wire, params = m.route(request)
    return wire.read(request, params, m.Answerer.body(wire, request))


def answers(mock: m.Mock, call: m.Call) -> bool:
    return all(condition.holds(condition.get(call)) for condition in mock.conditions)


def differing(mock: m.Mock, call: m.Call) -> List[Any]:
    return [one for one in (each.difference(call) for each in mock.conditions) if one]


def check_apart(calls: Mapping[str, m.Call]) -> None:
    """Each recording answers its own request, and none of the others."""
    mocks = {name: recorded(call) for name, call in calls.items()}
    for name, mock in mocks.items():
        assert differing(mock, calls[name]) == [], name
        taken = [other for other in calls if other != name and answers(mock, calls[other])]
        assert not taken, (name, taken, matched(calls[name]))


# --- conversations, in each API's form ---


class Chat:
    """Conversations in OpenAI's form."""

    kind: type = m.OpenAIChat
    place, part = "messages", "content"

    def __init__(self, kind: type = m.OpenAIChat) -> None:
        self.kind = kind

    def text(self, said: str) -> Any:
        return {"type": "text", "text": said}

    def user(self, *parts: Any) -> List[Any]:
        return [{"role": "user", "content": list(parts)}]

    def image(self, data: str) -> Any:
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}

    def answer(self, said: str) -> List[Any]:
        return [{"role": "assistant", "content": said}]

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        told = [
            {
                "id": f"call_{name}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for name, arguments in calls
        ]
        return [{"role": "assistant", "content": None, "tool_calls": told}]

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        return [
            {"role": "tool", "tool_call_id": f"call_{name}", "content": said}
            for name, said in results
        ]

    def tools(self, *names: str) -> Any:
        return {"tools": [{"type": "function", "function": {"name": name}} for name in names]}

    def system(self, said: str) -> Any:
        return {}

    def body(self, messages: List[Any], system: str = "", **more: Any) -> Dict[str, Any]:
        body = {**copy.deepcopy(SAMPLES[self.kind][3]), **self.system(system), **more}
        if system and "system" not in body:
            messages = [{"role": "system", "content": system}, *messages]
        return {**body, self.place: messages}

    def call(self, messages: List[Any], stream: bool = False, **more: Any) -> m.Call:
        return call_of(self.kind, stream, body=self.body(messages, **more))


class Ollama(Chat):
    kind = m.OllamaChat

    def user(self, *parts: Any) -> List[Any]:
        texts = [part for part in parts if isinstance(part, str)]
        images = [part["image"] for part in parts if isinstance(part, dict)]
        return [
            {"role": "user", "content": "\n".join(texts), **({"images": images} if images else {})}
        ]

    def text(self, said: str) -> Any:
        return said

    def image(self, data: str) -> Any:
        return {"image": data}

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        return [{"role": "tool", "tool_name": name, "content": said} for name, said in results]

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        told = [{"function": {"name": name, "arguments": given}} for name, given in calls]
        return [{"role": "assistant", "content": "", "tool_calls": told}]


class Responses(Chat):
    place = "input"

    def text(self, said: str) -> Any:
        return {"type": "input_text", "text": said}

    def image(self, data: str) -> Any:
        return {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        return [
            {
                "type": "function_call",
                "call_id": f"call_{name}",
                "name": name,
                "arguments": json.dumps(arguments),
            }
            for name, arguments in calls
        ]

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        return [
            {"type": "function_call_output", "call_id": f"call_{name}", "output": said}
            for name, said in results
        ]

    def tools(self, *names: str) -> Any:
        return {"tools": [{"type": "function", "name": name} for name in names]}

    def body(self, messages: List[Any], system: str = "", **more: Any) -> Dict[str, Any]:
        body = {**copy.deepcopy(SAMPLES[self.kind][3]), **more}
        body.pop("instructions", None)
        if system:
            body["instructions"] = system
        return {**body, self.place: messages}


class Claude(Chat):
    def image(self, data: str) -> Any:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        return {"type": "image", "source": source}

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        used = [
            {"type": "tool_use", "id": f"call_{name}", "name": name, "input": given}
            for name, given in calls
        ]
        return [{"role": "assistant", "content": used}]

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        told = [
            {"type": "tool_result", "tool_use_id": f"call_{name}", "content": said}
            for name, said in results
        ]
        return [{"role": "user", "content": told}]

    def tools(self, *names: str) -> Any:
        return {"tools": [{"name": name, "input_schema": {"type": "object"}} for name in names]}

    def body(self, messages: List[Any], system: str = "", **more: Any) -> Dict[str, Any]:
        body = {**copy.deepcopy(SAMPLES[self.kind][3]), **more}
        body.pop("system", None)
        if system:
            body["system"] = system
        return {**body, self.place: messages}


class Converse(Claude):
    def text(self, said: str) -> Any:
        return {"text": said}

    def image(self, data: str) -> Any:
        return {"image": {"format": "png", "source": {"bytes": data}}}

    def answer(self, said: str) -> List[Any]:
        return [{"role": "assistant", "content": [{"text": said}]}]

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        used = [
            {"toolUse": {"toolUseId": f"call_{name}", "name": name, "input": given}}
            for name, given in calls
        ]
        return [{"role": "assistant", "content": used}]

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        told = [
            {"toolResult": {"toolUseId": f"call_{name}", "content": [{"text": said}]}}
            for name, said in results
        ]
        return [{"role": "user", "content": told}]

    def tools(self, *names: str) -> Any:
        specified = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in names]
        return {"toolConfig": {"tools": specified}}

    def body(self, messages: List[Any], system: str = "", **more: Any) -> Dict[str, Any]:
        body = super().body(messages, system, **more)
        if system:
            body["system"] = [{"text": system}]
        return body


class Google(Chat):
    place, part = "contents", "parts"

    def text(self, said: str) -> Any:
        return {"text": said}

    def user(self, *parts: Any) -> List[Any]:
        return [{"role": "user", "parts": list(parts)}]

    def image(self, data: str) -> Any:
        return {"inlineData": {"mimeType": "image/png", "data": data}}

    def answer(self, said: str) -> List[Any]:
        return [{"role": "model", "parts": [{"text": said}]}]

    def calls(self, *calls: Tuple[str, Any]) -> List[Any]:
        told = [{"functionCall": {"name": name, "args": given}} for name, given in calls]
        return [{"role": "model", "parts": told}]

    def results(self, *results: Tuple[str, str]) -> List[Any]:
        told = [
            {"functionResponse": {"name": name, "response": {"said": said}}}
            for name, said in results
        ]
        return [{"role": "user", "parts": told}]

    def tools(self, *names: str) -> Any:
        return {"tools": [{"functionDeclarations": [{"name": name} for name in names]}]}

    def body(self, messages: List[Any], system: str = "", **more: Any) -> Dict[str, Any]:
        body = {"contents": messages, **more}
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        return body


FORMS: List[Chat] = [
    Chat(m.OpenAIChat),
    Chat(m.AzureChat),
    Chat(m.GeminiChat),
    Chat(m.MistralChat),
    Chat(m.GroqChat),
    Chat(m.CohereChat),
    Ollama(m.OllamaChat),
    Responses(m.OpenAIResponses),
    Responses(m.AzureResponses),
    Claude(m.AnthropicMessages),
    Claude(m.VertexMessages),
    Claude(m.BedrockClaude),
    Converse(m.BedrockConverse),
    Converse(m.BedrockNova),
    Google(m.GeminiGenerate),
    Google(m.VertexGenerate),
]
PIXELS = ["QUJD" * 100, "QUJE" * 100, "QUJD" * 900 + "QUJF", "QUJD" * 901]


def agent_run(form: Chat, results: Tuple[str, str, str] = ("1", "2", "3")) -> List[List[Any]]:
    """The requests of a run: a question, a call, two at once, an answer, and another question."""
    first, second, third = results
    said = form.user(form.text("Weather?"))
    turns = [list(said)]
    said += [*form.calls(("f", {"city": "A"})), *form.results(("f", first))]
    turns.append(list(said))
    said += [
        *form.calls(("f", {"city": "B"}), ("g", {})),
        *form.results(("f", second), ("g", third)),
    ]
    turns.append(list(said))
    said += [*form.answer("Sunny."), *form.user(form.text("Thanks"))]
    turns.append(list(said))
    said += [*form.answer("Bye."), *form.user(form.text("Weather?"))]
    turns.append(list(said))
    said += [*form.calls(("f", {"city": "A"})), *form.results(("f", first))]
    turns.append(list(said))
    return turns


def conversations(form: Chat) -> Iterator[Tuple[str, m.Call]]:
    """Many requests, no two of which get the same answer."""
    tools, hi = form.tools("f", "g"), form.user(form.text("Hi"))
    for number, messages in enumerate(agent_run(form)):
        yield f"run {number}", form.call(messages, **tools)
        yield f"run {number}, streamed", form.call(messages, True, **tools)
    # The second result of the run differs, or the third, but not the last thing that was said.
    for name, results in (
        ("early", ("9", "2", "3")),
        ("middle", ("1", "9", "3")),
        ("last", ("1", "2", "9")),
    ):
        for number, messages in enumerate(agent_run(form, results)):
            if (
                number >= {"early": 1, "middle": 2, "last": 2}[name]
                and (number != 1 or name == "early")
                and not (number == 5 and False)
            ):
                yield f"{name} {number}", form.call(messages, **tools)
    yield "hi", form.call(hi)
    yield "hi, streamed", form.call(hi, True)
    yield "system", form.call(hi, system="Be brief.")
    yield "other system", form.call(hi, system="Be long.")
    yield "one tool", form.call(hi, **form.tools("f"))
    yield "two tools", form.call(hi, **form.tools("f", "g"))
    yield "another tool", form.call(hi, **form.tools("f", "h"))
    yield "three tools", form.call(hi, **form.tools("f", "g", "h"))
    yield "before", form.call([*form.user(form.text("Oh")), *hi])
    yield "answered before", form.call([*form.user(form.text("Oh")), *form.answer("Ah"), *hi])
    yield "other answer before", form.call([*form.user(form.text("Oh")), *form.answer("Eh"), *hi])
    for number, data in enumerate(PIXELS):
        yield f"picture {number}", form.call(form.user(form.text("Hi"), form.image(data)))
    both = [form.image(data) for data in PIXELS[:2]]
    yield "two pictures", form.call(form.user(form.text("Hi"), *both))
    yield "the same, turned", form.call(form.user(form.text("Hi"), *both[::-1]))
    yield (
        "a picture before",
        form.call([*form.user(form.text("Hi"), both[0]), *form.answer("Ah"), *hi]),
    )
    yield (
        "another picture before",
        form.call([*form.user(form.text("Hi"), both[1]), *form.answer("Ah"), *hi]),
    )
    for number in (1, 2):
        yield f"long {number}", form.call(form.user(form.text("long " * 20_000 + "x" * number)))
        yield (
            f"long system {number}",
            form.call(hi, system="long " * 5000 + f"{number}" + "x" * 999),
        )
    yield "prefilled", form.call([*hi, *form.answer("{")])
    yield "otherwise prefilled", form.call([*hi, *form.answer("[")])


def test_no_recording_answers_the_request_of_another() -> None:
    for form in FORMS:
        check_apart(dict(conversations(form)))
