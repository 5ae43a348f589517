"""What OpenAI's Responses refuse (request rules, 2.3), and Azure's.  Pure."""

from __future__ import annotations

from typing import Any, Iterator

from ..jsons import within
from ..limits import Json
from .base import Book, Finding, Rule, Sweep
from .conversation import indexed_objects, text_at
from .openai_chat import CONTENT_TYPE_RULE
from .openai_schemas import FORMAT, FUNCTION, OPENAI_SCHEMA_RULES, SchemaOf, schema_findings
from .responses_conversation import (
    ResponsesView,
    foreign_secrets,
    item_faults,
    lost_response,
    nothing_said,
    thoughtless_calls,
    two_histories,
)
from .responses_fields import CREATE_BODY, READ_BODY
from .responses_voice import ID_SENTENCE, MOVED_SENTENCE, ResponsesVoice


def nameless_choice(view: ResponsesView) -> Iterator[Finding]:
    """A choice of a function or a custom tool by no name, as that of chat completions is."""
    choice = view.body["tool_choice"]
    if text_at(choice, "type") in ("function", "custom") and "name" not in choice:
        code = "missing_required_parameter"
        yield Finding("tool_choice.name", {"path": "tool_choice.name"}, "{place}", code)


def tool_schemas(view: ResponsesView) -> Iterator[Finding]:
    """What is wrong with the schemas of functions.  One that does not say that it is strict is made
    strict if that is possible."""
    for index, tool in indexed_objects(view.body["tools"]):
        if tool.get("type") == "function":
            place, name = f"tools[{index}].parameters", text_at(tool, "name")
            strict = tool.get("strict") is True
            code = "invalid_function_parameters"
            given = SchemaOf(tool.get("parameters"), FUNCTION, name, place, code, strict)
            yield from schema_findings(given)


def answer_schema(view: ResponsesView) -> Iterator[Finding]:
    """What is wrong with the schema of the answer."""
    asked: Any = within(view.body, "text", "format")
    if text_at(asked, "type") == "json_schema":
        place, strict = "text.format.schema", asked.get("strict") is True
        name, code = text_at(asked, "name"), "invalid_json_schema"
        yield from schema_findings(SchemaOf(asked.get("schema"), FORMAT, name, place, code, strict))


def unasked_json(view: ResponsesView) -> Iterator[Finding]:
    """An answer in JSON that nothing in the input speaks of."""
    kind = within(view.body, "text", "format", "type")
    if kind != "json_object" or view.goes_on or not view.is_whole:
        return
    if not says_json(view.body.get("input")):
        yield Finding("text.format")


def says_json(given: Json) -> bool:
    """Whether any text in a value speaks of JSON."""
    todo = [given]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            if "json" in value.lower():
                return True
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return False


def sampled_thoughts(view: ResponsesView) -> Iterator[Finding]:
    """How to draw words, for a model that thinks; those of gpt-5.1 and later need not."""
    may_not_think = view.case.name.startswith("gpt-5.")
    if may_not_think and within(view.body, "reasoning", "effort") in (None, "none"):
        return
    for name in ("temperature", "top_p"):
        value = view.body.get(name)
        if isinstance(value, (int, float)) and value != 1:
            yield Finding(name, {"name": name})


def needless_effort(view: ResponsesView) -> Iterator[Finding]:
    """How much to think, for a model that does not."""
    if within(view.body, "reasoning", "effort") is not None:
        yield Finding("reasoning.effort")


# Said by the fields, with the words of request rules, 1.8.
RESPONSES_FIELD_RULES = (
    Rule(
        "responses/unknown-field",
        "Unknown parameter: '{path}'.",
        "teabranch/open-responses-server#41, answers noted in public source files",
    ),
    Rule(
        "responses/unknown-item-field",
        "Unknown parameter: '{path}'.",
        "1jehuang/jcode#1028, pydantic/pydantic-ai#3653, bestruirui/octopus#31, "
        "openai/openai-python#3008",
    ),
    Rule(
        "responses/missing",
        "Missing required parameter: '{path}'.",
        "pattern, answers noted in public source files",
        nameless_choice,
        needs=("tool_choice",),
    ),
    Rule(
        "responses/types",
        "Invalid type for '{path}': expected {wanted}, but got {got} instead.",
        "pattern, answers noted in public source files",
    ),
    Rule(
        "responses/limits",
        "Invalid '{path}': {what} above maximum value. Expected a value <= {bound}, but got "
        "{value} instead.",
        "pattern, OpenAPI 2.3.0",
    ),
    Rule(
        "responses/moved-messages",
        MOVED_SENTENCE,
        "several public source files; lobehub/lobehub#8116",
        code="unsupported_parameter",
    ),
    Rule(
        "responses/moved-others",
        MOVED_SENTENCE,
        "lobehub/lobehub#8116, several public source files",
        code="unsupported_parameter",
    ),
    Rule(
        "responses/tools-nested",
        "Missing required parameter: '{path}'.",
        "documentation, answers noted in public source files",
    ),
    Rule(
        "responses/max-output-min",
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got "
        "{value} instead.",
        "vectorize-io/hindsight#58, QuantumNous/new-api#2438, OpenAPI 2.3.0",
    ),
    Rule(
        "responses/call-id-empty",
        "Invalid '{path}': empty string. Expected a string with minimum length 1, but got an empty "
        "string instead.",
        "BigPizzaV3/CodexPlusPlus#315",
    ),
    Rule(
        "responses/call-id-length",
        "Invalid '{path}': string too long. Expected a string with maximum length 64, but got a "
        "string with length {n} instead.",
        "AnswerDotAI/fastllm#45",
    ),
    Rule(
        "responses/item-id-prefix",
        ID_SENTENCE,
        "several public source files",
    ),
    Rule(
        "responses/assistant-part-type",
        "Invalid value: '{value}'. Supported values are: 'output_text' and 'refusal'.",
        "google/adk-go#1197",
    ),
    Rule(
        "responses/user-part-type",
        "Invalid value: '{value}'. Supported values are: 'input_text', 'input_image', "
        "'output_text', 'refusal', 'input_file', 'computer_screenshot', and 'summary_text'.",
        "several public source files",
    ),
)

LOST_SENTENCE = (
    "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try "
    "again with `store` set to true, or remove this item from your input."
)
# Not in the input alone: what the server holds, and whether it is there.  These are looked at when
# all fields are right, and before what the model can (measured).
RESPONSES_STATE_RULES = (
    Rule(
        "responses/two-histories",
        "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or "
        "'conversation'.",
        "documentation, answers noted in public source files",
        two_histories,
        needs=("previous_response_id", "conversation"),
        code="mutually_exclusive_parameters",
    ),
    Rule(
        "responses/previous-not-found",
        "Previous response with id '{id}' not found.",
        "smg-project/smg#916, answers noted in public source files",
        lost_response,
        needs=("previous_response_id",),
        code="previous_response_not_found",
        param="previous_response_id",
    ),
    Rule(
        "responses/input-empty",
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be "
        "provided.",
        "several public source files, answers noted in public source files",
        nothing_said,
        needs=("input",),
        code="missing_required_parameter",
    ),
    Rule(
        "responses/item-not-found",
        LOST_SENTENCE,
        "vercel/ai#7543, continuedev/continue#9101, can1357/oh-my-pi#41",
        status=404,
        param="input",
    ),
    # The same of whole items is told of thoughts alone, and 400 at some hosts.
    Rule(
        "responses/thought-not-found",
        LOST_SENTENCE,
        "vercel/ai#7543, openclaw/openclaw#21782, NousResearch/hermes-agent#10217",
        default="jrn",
        status=404,
        param="input",
    ),
    Rule(
        "responses/call-needs-reasoning",
        "Item '{id}' of type '{kind}' was provided without its required 'reasoning' item: '{rs}'.",
        "VRSEN/agency-swarm#367, 0xPlaygrounds/rig#751",
        thoughtless_calls,
        default="off",
        needs=("input",),
        param="input",
    ),
    Rule(
        "responses/encrypted-invalid",
        "The encrypted content {first}...{last} could not be verified.",
        "openai/codex#8145, openai/codex#8119, Wei-Shaw/sub2api#2863",
        foreign_secrets,
        default="off",
        needs=("input",),
        code="invalid_encrypted_content",
    ),
)

# Request rules, 2.3.
RESPONSES_ITEM_RULES = (
    Rule(
        "responses/output-without-call",
        "No tool call found for function call output with call_id {id}.",
        "microsoft/vscode#320060, continuedev/continue#10092, openai/codex#42088",
        param="input",
    ),
    Rule(
        "responses/call-without-output",
        "No tool output found for function call {id}.",
        "tjardoo/openai-client#124, recorded",
        param="input",
    ),
    Rule(
        "responses/reasoning-needs-item",
        "Item '{id}' of type 'reasoning' was provided without its required following item.",
        "recorded",
        default="jrn",
        param="input",
    ),
)

# What models take, which chat completions say in other words.  How to draw words is asked of models
# that think so often that only who asks for all is told.
RESPONSES_MODEL_RULES = (
    Rule(
        "responses/json-word",
        "Response input messages must contain the word 'json' in some form to use 'text.format' of "
        "type 'json_object'.",
        "several public source files",
        unasked_json,
        needs=("text",),
        param="text.format",
    ),
    Rule(
        "responses/sampling-reasoning",
        "Unsupported parameter: '{name}' is not supported with this model.",
        "answers noted in public source files",
        sampled_thoughts,
        default="off",
        models=r"^(?:o[1-9]|gpt-5(?!-chat))",
        param="{place}",
    ),
    Rule(
        "responses/effort-unknown",
        "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
        "several public source files",
        needless_effort,
        default="mod",
        needs=("reasoning",),
        models=r"^(?:gpt-4|gpt-3\.5|chatgpt)",
        code="unsupported_parameter",
        param="reasoning.effort",
    ),
)

VOICE_OF_RESPONSES = ResponsesVoice("responses")
OPENAI_RESPONSES = Book(
    "openai",
    "responses",
    (
        CONTENT_TYPE_RULE,
        *RESPONSES_FIELD_RULES,
        Sweep(tool_schemas, ("tools",)),
        Sweep(answer_schema, ("text",)),
        *OPENAI_SCHEMA_RULES,
        *RESPONSES_STATE_RULES,
        Sweep(item_faults, ("input",)),
        *RESPONSES_ITEM_RULES,
        *RESPONSES_MODEL_RULES,
    ),
    CREATE_BODY,
    VOICE_OF_RESPONSES,
    ResponsesView,
)


def read_book(api: str) -> Book:
    """What holds where the same items are only read; a call may still be open there."""
    # Of the items only what the server holds: without their rows the others are not told.
    shared = (CONTENT_TYPE_RULE, *RESPONSES_FIELD_RULES, *RESPONSES_STATE_RULES)
    rules = (*shared, Sweep(item_faults, ("input",)))
    return Book("openai", api, rules, READ_BODY, VOICE_OF_RESPONSES, ResponsesView)


RESPONSES_TOKENS, RESPONSES_COMPACT = read_book("input_tokens"), read_book("compact")
