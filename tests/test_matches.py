"""What a recorded mock matches: its own request, however it comes again, and no other."""

from __future__ import annotations

import copy
import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from mocked import mock_of
from samples import MP3, PNG, SAMPLES, call_of, request_of, wire_of

import mock_server as m

OTHER = m.other_like(m.DEFAULT_SHAPE)


def matched(call: m.Call) -> Dict[str, Any]:
    """The match of a call's recording."""
    wire = OTHER if call.operation == "other" else m.route(call.request)[0]
    return m.match_of(wire, call, m.Scrubber(m.own_secrets(call.request)))


def recorded(call: m.Call) -> m.ParsedMock:
    """The mock of a call's recording, as it is read back."""
    match = matched(call)
    assert json.loads(json.dumps(match)) == match
    return mock_of({"match": match, "response": {"raw": "x"}})


def read(request: m.Request) -> m.Call:
    """A request, read."""
    try:
        wire, params = m.route(request)
    except m.Refused:
        return OTHER.read(request, {}, OTHER.body(request))
    return wire.read(request, params, m.Answerer.body(wire, request))


def answers(mock: m.ParsedMock, call: m.Call) -> bool:
    return all(condition.holds(condition.get(call)) for condition in mock.conditions)


def differing(mock: m.ParsedMock, call: m.Call) -> List[Any]:
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
    # Another result of the run differs, which is in its requests from that number on.
    for first, results in ((1, ("9", "2", "3")), (2, ("1", "9", "3")), (2, ("1", "2", "9"))):
        for number, messages in list(enumerate(agent_run(form, results)))[first:]:
            yield f"run {number} with {results}", form.call(messages, **tools)
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


# --- what changes nothing ---

UNTOLD = {"temperature": 0.5, "max_tokens": 9, "metadata": {"a": "b"}, "top_p": 1, "seed": 7}
UNTOLD_BY_GOOGLE = {"generationConfig": {"temperature": 0.5, "maxOutputTokens": 9, "seed": 7}}
UNTOLD_BY_CONVERSE = {
    "inferenceConfig": {"temperature": 0.5, "maxTokens": 9},
    "additionalModelRequestFields": {"top_k": 5},
}
UNTOLD_BY_OTHERS = {
    m.OllamaChat: {"options": {"temperature": 0.5, "seed": 7}, "keep_alive": "5m"},
    m.OpenAIResponses: {"temperature": 1, "max_output_tokens": 9, "user": "u", "store": False},
    m.AnthropicMessages: {**UNTOLD, "metadata": {"user_id": "u"}, "max_tokens": 99},
}


def untold(form: Chat) -> Dict[str, Any]:
    """Fields that change nothing."""
    if isinstance(form, Google):
        return UNTOLD_BY_GOOGLE
    if isinstance(form, Converse):
        return UNTOLD_BY_CONVERSE
    return UNTOLD_BY_OTHERS.get(form.kind, UNTOLD)


def renamed(value: Any) -> Any:
    """A value with other ids of calls, and marks of a cache."""
    return json.loads(re.sub('"call_([fg])"', r'"other_\1"', json.dumps(value)))


def marked(message: Any) -> Any:
    """A message with a mark of a cache on its parts."""
    if isinstance(message.get("content"), list) and "type" in message["content"][0]:
        parts = [{**part, "cache_control": {"type": "ephemeral"}} for part in message["content"]]
        return {**message, "content": parts, "id": "msg_1"}
    return message


def test_a_request_comes_again_though_it_is_not_quite_the_same() -> None:
    for form in FORMS:
        tools = form.tools("f", "g")
        for number, messages in enumerate(agent_run(form)):
            mock = recorded(form.call(messages, **tools))
            others = {
                "options": form.call(messages, **tools, **untold(form)),
                "order": form.call(messages, **form.tools("g", "f")),
                "marks": form.call([marked(one) for one in messages], **tools),
            }
            if number != 2:  # where ids tell calls apart that were made at once
                others["ids"] = form.call(renamed(messages), **tools)
            for name, call in others.items():
                assert differing(mock, call) == [], (form.kind, number, name)


def test_all_together_each_is_answered_by_its_own() -> None:
    for form in (FORMS[0], FORMS[9], FORMS[14]):
        calls = dict(conversations(form))
        session = m.Mocks().session("")
        session.add(
            [
                {"match": matched(call), "name": name, "response": {"raw": "x"}}
                for name, call in calls.items()
            ]
        )
        assert m.doubts_about(session.in_order()) == []
        for name, call in calls.items():
            wire, _ = m.route(call.request)
            found, _ = session.find(call, wire)
            assert found and found.mock.name == name, (form.kind, name)


# --- what decides the form of an answer, and all that is no conversation ---

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OTHER_SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}}}


def json_format(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


# Bodies that are merged into the sample's, none of which gets the answer of another.
VIDEO = ({"startOffset": "2s"}, {"startOffset": "3s"})  # which pieces of it count
APART: Mapping[type, List[Any]] = {
    m.OpenAIChat: [
        *({}, {"n": 2}, {"n": 3}, {"logprobs": True}, {"response_format": {"type": "json_object"}}),
        *({"response_format": json_format(one)} for one in (SCHEMA, OTHER_SCHEMA)),
        {"modalities": ["text", "audio"]},
    ],
    m.OpenAIResponses: [
        *({}, {"previous_response_id": "resp_1"}, {"previous_response_id": "resp_2"}),
        *({"text": {"format": {"type": one}}} for one in ("json_object", "text")),
        *({"conversation": one} for one in ("conv_1", "conv_2", {"id": "conv_3"})),
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "Hi"},
                        {"type": "input_image", "file_id": "file_1"},
                    ],
                }
            ]
        },
        {"input": [{"id": "msg_1", "type": "item_reference"}, {"role": "user", "content": "Hi"}]},
    ],
    m.AnthropicMessages: [
        *({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        *({"output_config": {"format": {"schema": one}}} for one in (SCHEMA, OTHER_SCHEMA)),
        *(
            {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": one}}
            for one in ("any", "none")
        ),
        {"tools": [{"name": "f", "input_schema": {}}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    ],
    m.GeminiGenerate: [
        *({"contents": [{"parts": [{"text": "Hi"}, {"videoMetadata": one}]}]} for one in VIDEO),
        *({}, {"generationConfig": {"responseMimeType": "application/json"}}),
        *(
            {"generationConfig": {"responseMimeType": "application/json", "responseSchema": one}}
            for one in (SCHEMA, OTHER_SCHEMA)
        ),
        *({"tools": [{one: {}}]} for one in ("googleSearch", "codeExecution")),
        {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f"}]}]},
        {"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}},
        {"generationConfig": {"candidateCount": 2}},
    ],
    m.BedrockConverse: [{}, {"outputConfig": {"textFormat": {"type": "json_schema"}}}],
    m.CohereChat: [{}, {"documents": ["a"]}, {"documents": ["b"]}],
    m.OllamaChat: [{}, {"format": "json"}, {"format": SCHEMA}, {"think": True}],
    m.OllamaGenerate: [{}, {"format": "json"}, {"suffix": "x"}, {"prompt": "Ho"}],
    m.OpenAICompletions: [
        *({}, {"prompt": ["Hi", "Ho"]}, {"prompt": "Hi\nHo"}, {"n": 2}),
        *({"prompt": [1, 2]}, {"prompt": [1, 3]}, {"suffix": "x"}),
    ],
    m.MistralFIM: [{}, {"suffix": "x"}, {"suffix": "y"}],
    m.MistralOCR: [{}, {"document": {"document_url": "https://e.com/b.pdf"}}],
    m.OpenAIEmbeddings: [
        *({}, {"input": ["Hi", "Ho"]}, {"input": ["Ho", "Hi"]}),
        *({"input": "Hi\nHo"}, {"input": [1, 2]}, {"input": [1, 2, 3]}, {"dimensions": 8}),
        *({"encoding_format": "base64"}, {"model": "other"}, {"input": "x" * 70_000}),
    ],
    m.CohereEmbed: [{}, {"texts": ["Ho"]}, {"input_type": "classification"}],
    m.GeminiEmbed: [{}, {"outputDimensionality": 8}, {"taskType": "CLUSTERING"}],
    m.GeminiBatchEmbed: [{}, {"requests": [{"content": {"parts": [{"text": "Hi\nHo"}]}}]}],
    m.BedrockTitanEmbed: [{}, {"dimensions": 256}, {"inputText": "Ho"}],
    m.OllamaEmbed: [{}, {"input": ["Hi", "Ho"]}],
    m.AnthropicCountTokens: [{}, {"tools": [{"name": "f", "input_schema": {}}]}],
    m.GeminiCountTokens: [
        {},
        {"generateContentRequest": {"contents": [{"parts": [{"text": "Ho"}]}]}},
    ],
    m.BedrockCountTokens: [
        {},
        {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "Ho"}]}]}}},
        *({"input": {"invokeModel": {"body": one}}} for one in ("e30=", "eyJhIjogMX0=")),
    ],
    m.OpenAIModerations: [{}, {"input": ["Hi", "Ho"]}, {"input": [{"type": "text", "text": "Hi"}]}],
    m.VertexPredict: [{}, {"parameters": {"outputDimensionality": 8}}],
    m.BedrockGuardrail: [{}, {"source": "OUTPUT"}, {"content": [{"text": {"text": "Ho"}}]}],
    m.CohereRerank: [{}, {"query": "Ho"}, {"documents": ["Hi", "Ho"]}, {"top_n": 1}],
    m.OpenAIImages: [{}, {"n": 2}, {"size": "1024x1024"}, {"prompt": "Ho"}, {"quality": "low"}],
    m.OpenAISpeech: [{}, {"voice": "ash"}, {"input": "Ho"}, {"response_format": "wav"}],
    m.OpenAIImageEdits: [{}, {"prompt": "Ho"}, {"image": {**PNG, "data": "other"}}],
    m.OpenAITranscriptions: [{}, {"file": {**MP3, "data": "other"}}, {"response_format": "srt"}],
    m.Tokenize: [{}, {"prompt": "Ho"}],
    m.OllamaShow: [{}, {"model": "other"}],
}
PATHS = [
    *(("GET", path, {}, b"") for path in ("/v1/models", "/v1/models/a", "/v1beta/models")),
    *(("GET", "/v1/responses/resp_1", {"include": one}, b"") for one in "xy"),
    *(
        ("GET", "/zy", query, b"")
        for query in ({}, {"page": "2"}, {"q": ""}, {"last_event_id": "e"})
    ),
    *(
        ("GET", "/v1/responses/r", {"stream": "true", **one}, b"")
        for one in ({}, {"starting_after": "3"})
    ),
    *(("GET", "/v1/responses/resp_1/input_items", query, b"") for query in ({}, {"after": "m"})),
    ("DELETE", "/v1/responses/resp_1", {}, b""),
    *(("POST", "/zz", {}, body) for body in (b"", b"a", b"b", b"{}", b"[1]")),
    *(("POST", "/zz", {}, b'{"a": %s}' % body) for body in (b"1", b"2", b'1, "b": 3', b'{"c": 1}')),
    *(("POST", "/zz", {}, b"x" * 70_000 + end) for end in (b"a", b"b")),
    *(("GET", "/zz", query, b"") for query in ({"a": "1"}, {"a": "2"})),
    *(("PUT", path, {}, b"") for path in ("/zz", "/zz/1")),
]


def test_what_decides_the_form_of_an_answer_tells_recordings_apart() -> None:
    for kind, bodies in APART.items():
        check_apart({str(number): call_of(kind, more=more) for number, more in enumerate(bodies)})


def test_a_form_is_known_by_its_fields_and_what_is_in_its_files() -> None:
    mock = recorded(call_of(m.OpenAITranscriptions))
    renamed = {"file": {**MP3, "filename": "tmp1.mp3"}, "temperature": "0.5"}
    assert differing(mock, call_of(m.OpenAITranscriptions, more=renamed)) == []


def test_paths_tell_recordings_apart() -> None:
    requests = [m.Request(*one[:3], body=one[3]) for one in PATHS]
    check_apart({str(number): read(request) for number, request in enumerate(requests)})


def test_every_api_matches_its_own_sample_in_whichever_dialect() -> None:
    calls: Dict[str, m.Call] = {}
    for kind in SAMPLES:
        if wire_of(kind).operation in ("token", "metadata"):
            continue  # which are never forwarded
        calls[kind.__name__] = call_of(kind)
        if SAMPLES[kind][2]:
            calls[f"{kind.__name__}, streamed"] = call_of(kind, True)
    check_apart(calls)


def test_a_history_is_that_of_answers_as_they_are_replayed() -> None:
    key = "the-clients-own-0123456789"
    for form in FORMS:
        histories = []
        for said in (key, "***"):
            messages = [
                *form.user(form.text("Key?")),
                *form.answer(f"It is {said}"),
                *form.user(form.text("Thanks")),
            ]
            headers = {"authorization": f"Bearer {key}"}
            request = request_of(form.kind, body=form.body(messages), headers=headers)
            call = read(request)
            histories.append((matched(call)["history"], call.history))
        asked, replayed = histories
        assert asked[0] == replayed[1] == replayed[0] != asked[1], form.kind


def test_a_key_that_a_client_sends_back_in_pieces_is_none_in_a_history() -> None:
    key = "AIzaSy" + "Ab1" * 11
    headers = {"x-goog-api-key": "own-0123456789abcdef"}
    user = {"role": "user", "parts": [{"text": "Hi"}]}
    for secret in (key, headers["x-goog-api-key"]):
        for message_each in (False, True):
            histories = set()
            for said in (f"It is {secret}.", "It is ***."):
                parts = [{"text": said[at : at + 5]} for at in range(0, len(said), 5)]
                answers = [{"role": "model", "parts": parts}]
                if message_each:
                    answers = [{"role": "model", "parts": [part]} for part in parts]
                body = {"contents": [user, *answers, user]}
                request = request_of(m.GeminiGenerate, body=body, headers=headers)
                histories.add(matched(read(request))["history"])
            assert len(histories) == 1, (secret, message_each)


# --- secrets ---

OWN = "own-credential-0123456789abcdef"
KEYS = (OWN, "sk-proj-" + "Ab1" * 12, "AKIA" + "Z" * 12 + "2345")
HEADERS = {
    "authorization": f"Bearer {OWN}",
    "x-api-key": OWN,
    "api-key": OWN,
    "x-goog-api-key": OWN,
}


def replayed(message: Any, key: str) -> Any:
    """A message as it is when earlier answers are replays, without the client's key."""
    if m.speaker_of(message) != "assistant":
        return message
    return json.loads(json.dumps(message).replace(key, "***"))


def with_keys(form: Chat, keys: Tuple[str, ...], again: bool = False) -> List[m.Call]:
    """Requests that repeat keys wherever they can, or as they come again."""
    told = f"My keys are {' and '.join(keys)}. Keep them."
    asked = [
        *form.user(form.text(told)),
        *form.calls(("f", {"key": keys[0], "keys": list(keys)}), ("g", {})),
        *form.results(("f", told), ("g", f"{keys[1]} it is")),
    ]
    later = [*asked, *form.answer(told), *form.user(form.text(told + " Again."))]
    more = {} if isinstance(form, (Converse, Google)) else {"response_format": {"type": keys[2]}}
    calls = []
    for messages in (asked, later):
        if again:
            messages = [replayed(message, keys[0]) for message in messages]
        body = form.body(messages, system=told, **form.tools("f"), **more)
        request = request_of(form.kind, body=body, headers=HEADERS)
        calls.append(read(request))
    return calls


def test_a_password_that_is_a_plain_word_is_in_no_match() -> None:
    told = {"password": "opensesame", "x": {"api_key": ["opensesame"]}, "n": "told"}
    form = b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nopensesame\r\n--b--'
    for kind, body in (
        ("application/json", json.dumps(told).encode()),
        ("multipart/form-data; boundary=b", form + b"\r\n"),
    ):
        query = {"code": "opensesame", "page": "2"}
        call = read(m.Request("POST", "/v9/x", query, {"content-type": kind}, body))
        match = json.dumps(matched(call))
        assert "opensesame" not in match and '"page": "2"' in match
        assert answers(recorded(call), call)


def test_no_secret_is_in_a_match_and_the_request_that_brought_it_still_matches() -> None:
    others = ("another-0123456789", "sk-proj-" + "Cd2" * 12, "AKIA" + "Y" * 12 + "4567")
    for form in FORMS:
        sent = (with_keys(form, KEYS), with_keys(form, KEYS, True), with_keys(form, others))
        for call, again, other in zip(*sent):
            told = json.dumps(matched(call))
            assert not [key for key in KEYS if key in told], (form.kind, told)
            assert differing(recorded(call), again) == [], form.kind
            if not call.history:  # which is of texts with another own key
                assert differing(recorded(call), other) == [], form.kind


def test_no_secret_is_in_the_match_of_a_path_either() -> None:
    key = KEYS[1]
    for method, query, body in (
        ("GET", {"access_token": OWN, "a": "1"}, b""),
        ("GET", {"a": f"it is {key}"}, b""),
        ("POST", {}, f"it is {key}".encode()),
        ("POST", {}, json.dumps([key]).encode()),
        ("POST", {}, json.dumps({"a": {"b": f"it is {key}"}, key: "c"}).encode()),
    ):
        call = read(m.Request(method, f"/zz/{key}", query, HEADERS, body))
        told = json.dumps(matched(call))
        assert not [one for one in KEYS if one in told], told
        assert differing(recorded(call), call) == [], told
        assert "access_token" not in told  # which another client may not send
