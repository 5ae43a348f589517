"""Rules of OpenAI's Responses, and Azure's: what is refused, in which words, and what is not."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from cases import cases
from rulebook import Broken, asked, check_broken, judged_by, rules_of, strict_answer
from samples import answerer

import mock_server as m

CREATE, COUNT, COMPACT = "/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"
AZURE = "/openai/v1/responses"
USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABx"}
REFERENCE = {"type": "item_reference", "id": "msg_1"}
MOVED = (
    "Unsupported parameter: '{}'. In the Responses API, this parameter has moved to '{}'. Try "
    "again with the new parameter. See the API documentation for more information: "
    "https://platform.openai.com/docs/api-reference/responses/create."
)
USER_PARTS = (
    "'input_text', 'input_image', 'output_text', 'refusal', 'input_file', 'computer_screenshot', "
    "and 'summary_text'"
)


def said(*items: Any, **more: Any) -> Dict[str, Any]:
    """A body with these items."""
    return {"model": "gpt-4o", "input": list(items), **more}


def short(**more: Any) -> Dict[str, Any]:
    """A body with an input of one word."""
    return {"model": "gpt-4o", "input": "Hi", **more}


def schema(**more: Any) -> Dict[str, Any]:
    """The schema of an object with one member."""
    return {"type": "object", "properties": {"a": {"type": "string"}}, **more}


def strict_function(**more: Any) -> List[Any]:
    """A strict function with such a schema."""
    return [{"type": "function", "name": "f", "strict": True, "parameters": schema(**more)}]


def row(
    rule: str, body: Any, place: str, message: str, code: Any = None, param: Any = ""
) -> Broken:
    """A row about a create; the param is the place unless it is told."""
    return Broken(rule, CREATE, body, place, message, code, place if param == "" else param)


BROKEN = (
    # The body.
    row(
        "responses/missing",
        {"model": "gpt-4o"},
        "input",
        "Missing required parameter: 'input'.",
        "missing_required_parameter",
    ),
    row(
        "responses/missing",
        {"input": "Hi", "zzz": 1},
        "model",
        "Missing required parameter: 'model'.",
        "missing_required_parameter",
    ),
    row(
        "responses/missing",
        said({"role": "user"}),
        "input[0].content",
        "Missing required parameter: 'input[0].content'.",
        "missing_required_parameter",
    ),
    row(
        "responses/missing",
        said(USER, {"type": "reasoning", "id": "rs_1"}, USER),
        "input[1].summary",
        "Missing required parameter: 'input[1].summary'.",
        "missing_required_parameter",
    ),
    row(
        "responses/missing",
        short(tools=[], tool_choice={"type": "function", "function": {"name": "f"}}),
        "tool_choice.name",
        "Missing required parameter: 'tool_choice.name'.",
        "missing_required_parameter",
    ),
    row(
        "responses/missing",
        short(text={"format": {"type": "json_schema", "json_schema": {"name": "a"}}}),
        "text.format.name",
        "Missing required parameter: 'text.format.name'.",
        "missing_required_parameter",
    ),
    row(
        "responses/moved-messages",
        {"model": "gpt-4o", "messages": [USER]},
        "messages",
        MOVED.format("messages", "input"),
        "unsupported_parameter",
        None,
    ),
    *(
        row(
            "responses/moved-others",
            short(**{old: value}),
            old,
            MOVED.format(old, new),
            "unsupported_parameter",
            None,
        )
        for old, new, value in (
            ("response_format", "text.format", {"type": "json_object"}),
            ("reasoning_effort", "reasoning.effort", "low"),
            ("max_tokens", "max_output_tokens", 100),
            ("max_completion_tokens", "max_output_tokens", 100),
        )
    ),
    row(
        "responses/unknown-field",
        said({"role": "user", "content": "Hi", "bogus": 1}, zzz=1),
        "zzz",
        "Unknown parameter: 'zzz'.",
        "unknown_parameter",
    ),
    row(
        "responses/unknown-field",
        short(stream=True, stream_options={"include_usage": True}),
        "stream_options.include_usage",
        "Unknown parameter: 'stream_options.include_usage'.",
        "unknown_parameter",
    ),
    row(
        "responses/types",
        {"model": "gpt-4o", "input": {"a": 1}, "truncation": "bogus"},
        "input",
        "Invalid type for 'input': expected one of a string or array of input items, but got an "
        "object instead.",
        "invalid_type",
    ),
    row(
        "responses/types",
        short(temperature="hot"),
        "temperature",
        "Invalid type for 'temperature': expected a decimal, but got a string instead.",
        "invalid_type",
    ),
    row(
        "responses/types",
        short(truncation="bogus"),
        "truncation",
        "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'.",
        "invalid_value",
    ),
    row(
        "responses/types",
        short(truncation=7),
        "truncation",
        "Invalid type for 'truncation': expected one of 'auto' or 'disabled', but got an integer "
        "instead.",
        "invalid_type",
    ),
    row(
        "responses/types",
        short(reasoning={"effort": "bogus"}),
        "reasoning.effort",
        "Invalid value: 'bogus'. Supported values are: 'none', 'minimal', 'low', 'medium', "
        "'high', 'xhigh', and 'max'.",
        "invalid_value",
    ),
    row(
        "responses/limits",
        short(max_tool_calls=0),
        "max_tool_calls",
        "Invalid 'max_tool_calls': integer below minimum value. Expected a value >= 1, but got 0 "
        "instead.",
        "integer_below_min_value",
    ),
    row(
        "responses/limits",
        short(metadata={f"k{i}": "v" for i in range(17)}),
        "metadata",
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
        "but got an object with 17 properties instead.",
        "object_above_max_properties",
    ),
    row(
        "responses/limits",
        short(tools=[{"type": "function", "name": "workspace.read"}]),
        "tools[0].name",
        "Invalid 'tools[0].name': string does not match pattern. Expected a string that matches "
        "the pattern '^[a-zA-Z0-9_-]+$'.",
        "invalid_value",
    ),
    row(
        "responses/limits",
        said({**CALL, "name": "n" * 129}, OUTPUT),
        "input[0].name",
        "Invalid 'input[0].name': string too long. Expected a string with maximum length 128, but "
        "got a string with length 129 instead.",
        "string_above_max_length",
    ),
    row(
        "responses/max-output-min",
        short(max_output_tokens=1),
        "max_output_tokens",
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but "
        "got 1 instead.",
        "integer_below_min_value",
    ),
    row(
        "responses/tools-nested",
        short(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
        "tools[0].name",
        "Missing required parameter: 'tools[0].name'.",
        "missing_required_parameter",
    ),
    # Items and their parts.
    row(
        "responses/types",
        said({"role": "tool", "tool_call_id": "call_1", "content": "x"}),
        "input[0]",
        "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and "
        "'user'.",
        "invalid_value",
    ),
    row(
        "responses/types",
        said({}),
        "input[0]",
        "Invalid value: ''. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
        "invalid_value",
    ),
    row(
        "responses/types",
        said({"role": "assistant", "content": None}),
        "input[0].content",
        "Invalid type for 'input[0].content': expected one of an array of objects or string, but "
        "got null instead.",
        "invalid_type",
    ),
    row(
        "responses/types",
        said(
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": {"url": "https://x/y.png"}}],
            }
        ),
        "input[0].content[0].image_url",
        "Invalid type for 'input[0].content[0].image_url': expected an image URL, but got an "
        "object instead.",
        "invalid_type",
    ),
    row(
        "responses/assistant-part-type",
        said(USER, {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}),
        "input[1].content[0]",
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        "invalid_value",
    ),
    row(
        "responses/user-part-type",
        said({"role": "user", "content": [{"type": "text", "text": "x"}]}),
        "input[0].content[0]",
        f"Invalid value: 'text'. Supported values are: {USER_PARTS}.",
        "invalid_value",
    ),
    row(
        "responses/unknown-item-field",
        said(USER, {**THOUGHT, "status": None}, CALL, OUTPUT),
        "input[1].status",
        "Unknown parameter: 'input[1].status'.",
        "unknown_parameter",
    ),
    row(
        "responses/unknown-item-field",
        said(
            {
                "type": "web_search_call",
                "id": "ws_1",
                "action": {"type": "open_page", "url": "x", "query": None},
            }
        ),
        "input[0].action.query",
        "Unknown parameter: 'input[0].action.query'.",
        "unknown_parameter",
    ),
    row(
        "responses/unknown-item-field",
        said({"role": "assistant", "content": "x", "tool_calls": []}),
        "input[0].tool_calls",
        "Unknown parameter: 'input[0].tool_calls'.",
        "unknown_parameter",
    ),
    row(
        "responses/call-id-empty",
        said({**CALL, "call_id": ""}),
        "input[0].call_id",
        "Invalid 'input[0].call_id': empty string. Expected a string with minimum length 1, but "
        "got an empty string instead.",
        "empty_string",
    ),
    row(
        "responses/call-id-length",
        said(USER, {**OUTPUT, "call_id": "c" * 65}),
        "input[1].call_id",
        "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64, "
        "but got a string with length 65 instead.",
        "string_above_max_length",
    ),
    *(
        row(
            "responses/item-id-prefix",
            said({**item, "id": "call_1"}),
            "input[0].id",
            f"Invalid 'input[0].id': 'call_1'. Expected an ID that begins with '{prefix}'.",
            "invalid_value",
        )
        for prefix, item in (
            ("fc", CALL),
            ("rs", THOUGHT),
            ("ctc", {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}),
            ("ws", {"type": "web_search_call", "status": "completed"}),
            ("msg", {"type": "message", **USER}),
        )
    ),
    # The conversation.
    row(
        "responses/output-without-call",
        said(USER, OUTPUT),
        "input[1]",
        "No tool call found for function call output with call_id call_1.",
        None,
        "input",
    ),
    row(
        "responses/call-without-output",
        said(USER, CALL, USER),
        "input[1]",
        "No tool output found for function call call_1.",
        None,
        "input",
    ),
    row(
        "responses/reasoning-needs-item",
        said(USER, THOUGHT, USER),
        "input[1]",
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        None,
        "input",
    ),
    row(
        "responses/two-histories",
        short(conversation="conv_1", previous_response_id="resp_1"),
        "previous_response_id",
        "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or "
        "'conversation'.",
        "mutually_exclusive_parameters",
        None,
    ),
    row(
        "responses/input-empty",
        said(),
        "input",
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be "
        "provided.",
        "missing_required_parameter",
        None,
    ),
    # The model.
    row(
        "responses/json-word",
        short(text={"format": {"type": "json_object"}}, instructions="Answer in JSON."),
        "text.format",
        "Response input messages must contain the word 'json' in some form to use 'text.format' "
        "of type 'json_object'.",
    ),
    row(
        "responses/effort-unknown",
        short(reasoning={"effort": "low"}),
        "reasoning.effort",
        "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
        "unsupported_parameter",
    ),
    # Schemas.
    Broken(
        "openai/strict-additional",
        CREATE,
        short(tools=strict_function(required=["a"])),
        "tools[0].parameters",
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be "
        "supplied and to be false.",
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    Broken(
        "openai/strict-required",
        CREATE,
        short(
            text={
                "format": {
                    "type": "json_schema",
                    "name": "out",
                    "strict": True,
                    "schema": schema(additionalProperties=False),
                }
            }
        ),
        "text.format.schema",
        "Invalid schema for response_format 'out': In context=(), 'required' is required to be "
        "supplied and to be an array including every key in properties. Missing 'a'.",
        "invalid_json_schema",
        "text.format.schema",
    ),
)

SPOKEN = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "x", "annotations": [], "logprobs": []}],
}
OTHER = {**CALL, "call_id": "call_2", "id": "fc_2", "status": "completed"}
VALID = (
    short(input=[{"role": "user", "content": "Hi", "phase": None}]),
    short(),
    short(input="", previous_response_id="resp_1"),
    {"input": "Hi", "prompt": {"id": "pmpt_1", "version": None}},
    {"model": "gpt-4o", "conversation": {"id": "conv_1"}},
    said(USER),
    said({"role": "developer", "content": "x"}, {"role": "system", "content": "x"}, USER),
    said(USER, CALL, OTHER, {**OUTPUT, "call_id": "call_2"}, USER, OUTPUT),
    said(OUTPUT, previous_response_id="resp_1"),
    said(OUTPUT, conversation="conv_1"),
    said(USER, THOUGHT, {**CALL, "id": "fc_1"}, OUTPUT, store=False),
    said(USER, {**THOUGHT, "encrypted_content": None, "id": None}, SPOKEN, USER),
    said(USER, SPOKEN, USER),
    said(USER, CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "x"}]}),
    said(USER, REFERENCE, OUTPUT),
    said({"type": "compaction", "encrypted_content": "x"}, OUTPUT),
    said(USER, {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1"}, OUTPUT),
    said(
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:,"},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ],
        }
    ),
    short(**dict.fromkeys(("tools", "text", "reasoning", "store", "metadata", "messages"))),
    short(
        tools=[
            {"type": "function", "name": "f"},
            {"type": "function", "name": "g", "parameters": schema(), "strict": None},
            {"type": "web_search", "filters": {"allowed_domains": ["x.y"]}},
            {"type": "custom", "name": "c", "format": {"type": "text"}},
        ],
        tool_choice={"type": "function", "name": "f"},
        include=["reasoning.encrypted_content"],
        stream=True,
        stream_options={"include_obfuscation": False},
        text={"format": {"type": "json_schema", "name": "o", "schema": schema()}},
    ),
    said({"role": "user", "content": "as Json"}, text={"format": {"type": "json_object"}}),
    {"model": "gpt-5.1", "input": "Hi", "temperature": 0.2, "reasoning": {"effort": "none"}},
    {"model": "gpt-5-mini", "input": "Hi", "temperature": 1, "reasoning": {"effort": "minimal"}},
    {"model": "my-deployment", "input": "Hi", "temperature": 0.2, "reasoning": {"effort": "low"}},
)


@cases("broken", BROKEN)
def test_what_a_responses_request_breaks_is_told_in_openais_words(broken: Broken) -> None:
    check_broken(broken)


@cases("body", VALID)
def test_a_valid_responses_request_breaks_nothing(body: Any) -> None:
    for path in (CREATE, AZURE):
        assert rules_of(path, body) == []


def test_dialects_and_mistral_have_rules_of_their_own() -> None:
    for path in ("/openrouter/v1/responses", "/mistral/v1/responses", "/groq/openai/v1/responses"):
        assert rules_of(path, said(USER, OUTPUT, zzz=1)) == []


@cases("path", [COUNT, COMPACT, "/openai/v1/responses/compact"])
def test_where_items_are_only_read_a_call_may_be_open(path: str) -> None:
    assert rules_of(path, said(USER, CALL)) == []
    assert rules_of(path, said(OUTPUT, zzz=1)) == []
    assert rules_of(path, said({**CALL, "id": "x"})) == ["responses/item-id-prefix"]
    assert rules_of(path, {"model": "gpt-4o", "messages": []})[0] == "responses/moved-messages"


def test_what_is_off_is_told_only_if_all_is_asked_for() -> None:
    body = said(USER, {**THOUGHT, "encrypted_content": "b3BhcXVl..."}, CALL, OUTPUT)
    assert rules_of(CREATE, body) == []
    [found] = judged_by(CREATE, body, every=True)
    assert (found.rule, found.code) == ("responses/encrypted-invalid", "invalid_encrypted_content")
    assert found.message == "The encrypted content b3Bh...l... could not be verified."
    hot = {"model": "gpt-5-mini", "input": "Hi", "temperature": 0.5}
    assert rules_of(CREATE, hot) == []
    [found] = judged_by(CREATE, hot, every=True)
    assert (found.rule, found.param) == ("responses/sampling-reasoning", "temperature")
    assert found.message == (
        "Unsupported parameter: 'temperature' is not supported with this model."
    )


# Of what the session has stored tell the tests below.
STATEFUL = {
    "responses/previous-not-found",
    "responses/item-not-found",
    "responses/call-needs-reasoning",
}


def test_what_depends_on_the_session_is_told_of_none_where_there_is_none() -> None:
    body = said(REFERENCE, {**CALL, "id": "fc_1"}, OUTPUT, previous_response_id="resp_1")
    assert STATEFUL & {one.rule for one in judged_by(CREATE, body, every=True)} == set()


class Client:
    """One who asks a strict server, of which some answers are mocks'."""

    def __init__(self, *mocks: Any, **settings: Any) -> None:
        self.answers = answerer(*mocks, **{"strict": True, "fallback": "echo", **settings})

    def __call__(self, body: Any, path: str = CREATE, **headers: str) -> Any:
        """Status and JSON of the answer to a create."""
        response = self.answers.answer(asked(path, body, headers)).response
        return response.status, json.loads(response.body or b"null")

    def create(self, body: Any) -> Any:
        """The response that is created."""
        status, value = self(body)
        assert status == 200, value
        return value

    def refused(self, body: Any, path: str = CREATE) -> Any:
        """The status and the error of a refusal, three times the same."""
        [found, *others] = [self(body, path) for _ in range(3)]
        assert others == [found] * 2
        return found[0], found[1]["error"]


def test_who_goes_on_from_a_response_must_have_had_it() -> None:
    client = Client()
    lost = {
        "message": "Previous response with id 'resp_1' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    for path in (CREATE, COUNT, COMPACT):
        assert client.refused(short(previous_response_id="resp_1"), path) == (400, lost)
    first = client.create(short())["id"]
    again = short(previous_response_id=first)
    second = [client.create(again)["id"] for _ in range(3)][0]
    kept, same = [client.answers.answer(asked(CREATE, again)) for _ in range(2)]
    assert kept is same  # for as long as it is there
    third = client.create(said(OUTPUT, previous_response_id=second))
    assert third["previous_response_id"] == second
    deleted = asked(f"{CREATE}/{first}", None)
    client.answers.answer(m.Request("DELETE", deleted.path, {}, {}, b""))
    assert client.refused(again)[1]["message"] == f"Previous response with id '{first}' not found."
    assert client.create(short())["id"] == first
    assert client.create(again)["id"] == second


def test_ids_of_mocks_and_of_streams_are_issued_and_those_that_are_not_stored_are_not() -> None:
    mocks = [
        {"match": {"user": "own"}, "response": {"id": "resp_own", "text": "x"}},
        {"match": {"user": "body"}, "response": {"body": {"id": "resp_body", "output": []}}},
    ]
    client = Client(*mocks)
    for word, id in (("own", "resp_own"), ("body", "resp_body")):
        on = short(previous_response_id=id)
        client.create(short(input=word, store=False))
        assert client.refused(on)[0] == 400
        client.create(short(input=word))
        client.create(on)
    header = {"x-mock-response": '{"id": "resp_header", "text": "x"}'}
    assert client(short(stream=False), **header)[0] == 200
    client.create(short(previous_response_id="resp_header"))
    client.answers.answer(asked(CREATE, short(input="streamed", stream=True)))
    [*_, last] = client.answers.mocks.session("").state.responses
    client.create(short(previous_response_id=last))


def test_sessions_do_not_know_each_others_responses_and_a_reset_forgets() -> None:
    client = Client()
    on = short(previous_response_id=client.create(short())["id"])
    other = m.Request("POST", CREATE, {}, {}, json.dumps(on).encode(), session="other")
    assert client.answers.answer(other).response.status == 400
    client.create(on)
    client.answers.mocks.session("").reset()
    assert client.refused(on)[0] == 400


def test_where_responses_had_no_room_none_is_taken_for_lost() -> None:
    client = Client()
    client.answers.mocks.archive.room = 10_000
    for number in range(10):
        client.create(short(input=f"{number}" * 100))
    client.create(short(previous_response_id="resp_1"))
    client.create(said(REFERENCE, store=False))


def test_a_reference_leads_to_an_item_that_is_there() -> None:
    client = Client({"match": {"user": "own"}, "response": {"parts": [{"block": SPOKEN}]}})
    lost = said(REFERENCE, USER, store=False)
    message = (
        "Item with id 'msg_1' not found. Items are not persisted when `store` is set to false. Try "
        "again with `store` set to true, or remove this item from your input."
    )
    error = {"message": message, "type": "invalid_request_error", "param": "input", "code": None}
    assert client.refused(lost) == (404, error)
    kept = said({"id": "msg_1"}, USER)
    assert client.refused(kept)[1]["message"] == "Item with id 'msg_1' not found."
    client.create(said({"id": "msg_1"}, conversation="conv_1"))
    client.create(short(input="own"))
    client.create(lost)
    client.create(kept)
    output = client.create(said({**USER, "id": "msg_mine"}))["output"]
    for id in ("msg_mine", output[0]["id"]):
        client.create(said({"type": "item_reference", "id": id}, USER))


def test_items_are_looked_for_in_many_responses_where_nobody_waits_for_it() -> None:
    client = Client()
    for number in range(m.FEW_STORED + 1):
        client.create(short(input=f"{number}"))
    plain = said(USER, {"role": "user", "content": "x"}, CALL, OUTPUT)
    wanted = [(REFERENCE, True), ({"id": "msg_1"}, True), ({"role": "user", "content": "x"}, False)]
    for body, is_long in [(plain, False), *[(said(USER, item), long) for item, long in wanted]]:
        work = client.answers.answering(asked(CREATE, body))
        assert isinstance(m.advanced(work), m.Wanting) == is_long, body


def test_a_thought_that_is_to_be_looked_up_is_noted_where_nothing_is_stored() -> None:
    thinks = {"reasoning": "hm", "text": "x"}
    client = Client({"match": {"user": {"contains": "think"}}, "response": thinks})
    for store, noted in ((True, []), (False, ["responses/thought-not-found"])):
        output = client.create(short(input=f"think: {store}", store=store))["output"]
        answered = client.answers.answer(asked(CREATE, said(*output, USER, store=False)))
        assert answered.response.status == 200
        assert [one.rule for one in answered.call.violations] == noted


def test_a_call_of_a_stored_response_comes_with_its_thought_if_all_is_asked_for() -> None:
    thinks = {"reasoning": "hm", "tool_calls": [{"name": "f", "arguments": {}}]}
    client = Client({"times": 1, "response": thinks}, strict="all")
    thought, call = client.create(short())["output"]
    output = {**OUTPUT, "call_id": call["call_id"]}
    client.create(said(USER, thought, call, output))
    status, error = client.refused(said(USER, call, output))
    assert status == 400
    assert error["message"] == (
        f"Item '{call['id']}' of type 'function_call' was provided without its required "
        f"'reasoning' item: '{thought['id']}'."
    )


@cases(
    "path, code",
    [(CREATE, "unknown_parameter"), (AZURE, "unknown_parameter"), (COMPACT, None)],
)
def test_what_is_refused_is_so_in_the_envelope_of_its_host(path: str, code: Any) -> None:
    body = said(USER, {**THOUGHT, "status": None})
    for stream in (False, True):
        response = strict_answer(path, {**body, "stream": stream}).response
        assert (response.status, response.frames) == (400, None)
        assert json.loads(response.body) == {
            "error": {
                "message": "Unknown parameter: 'input[1].status'.",
                "type": "invalid_request_error",
                "param": "input[1].status",
                "code": code or "unknown_parameter",
            }
        }


def test_what_is_refused_at_all_times_is_so_in_openais_words_under_strict() -> None:
    response = strict_answer(CREATE, {"model": "gpt-4o", "messages": [USER]}).response
    assert response.body == (
        b'{\n  "error": {\n    "message": "'
        + MOVED.format("messages", "input").encode()
        + b'",\n    "type": "invalid_request_error",\n    "param": null,\n    "code": '
        b'"unsupported_parameter"\n  }\n}'
    )
    usual = strict_answer(CREATE, {"model": "gpt-4o"}, strict=False).response
    assert (usual.status, b"input" in usual.body) == (400, True)


def test_calls_about_stored_responses_break_nothing() -> None:
    answers = answerer(strict=True, fallback="echo")
    request = m.Request("POST", f"{CREATE}/resp_1/cancel", {}, {}, b"[")
    assert answers.answer(request).response.status == 404
