"""What Mistral refuses (request rules, 1.8 and 2.11).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from ..values import Failure
from ..violations import NOTED, Violations
from .base import Book, Case, Check, Finding, Rule, first_alone
from .conversation import indexed_objects, misplaced, text_at
from .fields import (
    MISSING_FIELD,
    UNKNOWN_FIELD,
    WRONG_CHOICE,
    WRONG_TAG,
    WRONG_TYPE,
    FieldFault,
    compiled_once,
)
from .mistral_fields import (
    MISTRAL_CHAT_BODY,
    MISTRAL_EMBED_BODY,
    MISTRAL_FIM_BODY,
    VERTEX_FIM_BODY,
    VERTEX_MISTRAL_BODY,
)
from .pydantic_words import pydantic_words

CALL_ID_FORM = "^[a-zA-Z0-9]{9}$"
NO_CALL_ID = "null"  # what mistralai sends where there is none
NAME_FORM = "^[a-zA-Z0-9_-]{1,64}$"
BEFORE_RESULT = frozenset(("assistant", "tool"))
# A user's message right after a result is another rule, as is a conversation without a beginning.
AFTER_WHICH = {"tool": BEFORE_RESULT}


class MistralView:
    """A chat request as Mistral's rules look at it: its messages, and the roles of all of them."""

    __slots__ = ("body", "messages", "roles")

    def __init__(self, case: Case) -> None:
        self.body: Dict[str, Any] = case.body
        found = self.body.get("messages")
        self.messages: List[Any] = found if isinstance(found, list) else []
        self.roles = [text_at(message, "role") for message in self.messages]

    def spoken_by(self, role: str) -> Iterator[Tuple[int, Dict[str, Any]]]:
        """The messages of a role, with their indexes."""
        for index, found in enumerate(self.roles):
            if found == role:
                yield index, self.messages[index]

    def calls(self) -> Iterator[Tuple[str, Dict[str, Any]]]:
        """The calls of tools, with the places where they are."""
        for index, message in self.spoken_by("assistant"):
            for number, call in indexed_objects(message.get("tool_calls")):
                yield f"messages.{index}.assistant.tool_calls.{number}", call


def ends_with_assistant(view: MistralView) -> Iterator[Finding]:
    """An answer as the last message that is no beginning of one."""
    if view.roles and view.roles[-1] == "assistant" and view.messages[-1].get("prefix") is not True:
        yield Finding(f"messages.{len(view.roles) - 1}")


def results_after_others(view: MistralView) -> Iterator[Finding]:
    """A result that follows neither an answer nor another result."""
    for index in misplaced(view.roles, AFTER_WHICH):
        yield Finding(f"messages.{index}", {"before": view.roles[index - 1]})


def users_after_results(view: MistralView) -> Iterator[Finding]:
    """The user right after a result."""
    for index, role in enumerate(view.roles):
        if index and role == "user" and view.roles[index - 1] == "tool":
            yield Finding(f"messages.{index}")


def miscounted_results(view: MistralView) -> Iterator[Finding]:
    """More or fewer results than calls, from one answer to the next.  One is told."""
    expected, asked_at = 0, 0
    for index, role in enumerate(view.roles):
        if role == "tool":
            expected -= 1
        elif role == "assistant":
            if expected:
                break
            calls = view.messages[index].get("tool_calls")
            expected, asked_at = len(calls) if isinstance(calls, list) else 0, index
    if expected:
        yield Finding(f"messages.{asked_at}")


def foreign_call_ids(view: MistralView) -> Iterator[Finding]:
    """Ids of calls that are not as Mistral makes them."""
    for place, call in view.calls():
        yield from foreign_id(text_at(call, "id"), place + ".id")
    for index, message in view.spoken_by("tool"):
        yield from foreign_id(
            text_at(message, "tool_call_id"), f"messages.{index}.tool.tool_call_id"
        )


def foreign_id(id: str, place: str) -> Iterator[Finding]:
    """One of them; none at all passes on some versions (request rules, 4.2)."""
    if id and id != NO_CALL_ID and not compiled_once(CALL_ID_FORM).search(id):
        yield Finding(place, {"id": id})


def odd_names(view: MistralView) -> Iterator[Finding]:
    """Names of functions, offered or called, that are too long or have other characters."""
    fits = compiled_once(NAME_FORM).search
    offered = [(f"tools.{index}", tool) for index, tool in indexed_objects(view.body.get("tools"))]
    for place, holder in [*offered, *view.calls()]:
        function = holder.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and not fits(name):
            yield Finding(place + ".function.name", {"name": name})


def empty_answers(view: MistralView) -> Iterator[Finding]:
    """Answers of neither text nor calls."""
    for index, message in view.spoken_by("assistant"):
        if not (message.get("content") or message.get("tool_calls")):
            yield Finding(f"messages.{index}")


# Request rules, 1.8.
MISTRAL_FIELD_RULES = (
    Rule(
        "mistral/extra",
        "Extra inputs are not permitted",
        "charmbracelet/crush#1590, Gage-Technologies/mistral-go#3, BerriAI/litellm#30835",
        status=422,
    ),
    Rule("mistral/missing", "Field required", "pattern", status=422),
    Rule("mistral/types", "Input should be a valid {name}", "pattern", status=422),
    Rule("mistral/limits", "Input should be less than or equal to {bound}", "pattern", status=422),
)


def order_rule(id: str, sentence: str, source: str, check: Check, default: str = "on") -> Rule:
    """A rule of the order of messages."""
    kind, code = "invalid_request_message_order", "3230"
    return Rule(id, sentence, source, check, default, ("messages",), type=kind, code=code)


def call_rule(id: str, sentence: str, check: Check, *needs: str) -> Rule:
    """A rule of calls of functions."""
    kind, code = "invalid_function_call", "3280"
    return Rule(id, sentence, VALIDATOR, check, needs=needs, type=kind, code=code)


VALIDATOR = "mistralai/mistral-common"
# Request rules, 2.11.
MISTRAL_CHAT_RULES = (
    *MISTRAL_FIELD_RULES,
    order_rule(
        "mistral/last-role",
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
        "assistant",
        "0xPlaygrounds/rig#1130",
        ends_with_assistant,
    ),
    order_rule(
        "mistral/tool-after",
        "Unexpected role 'tool' after role '{before}'",
        "charmbracelet/crush#279",
        results_after_others,
    ),
    order_rule(
        "mistral/user-after-tool",
        "Unexpected role 'user' after role 'tool'",
        "BerriAI/litellm#17761, avante-corp/avante.nvim#2695, datapizza-labs/datapizza-ai#98; "
        "mistralai/mistral-common allows it since July 2026",
        users_after_results,
        NOTED,
    ),
    order_rule(
        "mistral/count",
        "Not the same number of function calls and responses",
        VALIDATOR,
        miscounted_results,
    ),
    call_rule(
        "mistral/call-id",
        "Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.",
        foreign_call_ids,
        "messages",
    ),
    call_rule(
        "mistral/name",
        "Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and dashes, "
        "with a maximum length of 64.",
        odd_names,
    ),
    Rule(
        "mistral/assistant-empty",
        "Assistant message must have either content or tool_calls, but not none.",
        VALIDATOR,
        empty_answers,
        needs=("messages",),
        type="invalid_request_assistant_message",
        code="3240",
    ),
)

MISTRAL_FAULTS = {
    MISSING_FIELD: "mistral/missing",
    UNKNOWN_FIELD: "mistral/extra",
    WRONG_TYPE: "mistral/types",
    WRONG_CHOICE: "mistral/types",
    WRONG_TAG: "mistral/types",
}


def mistral_voice(fault: FieldFault) -> Tuple[str, Finding]:
    """Which rule a fault breaks, in pydantic's words; a path names the members of unions, too."""
    sentence, code, more = pydantic_words(fault)
    place = ".".join([str(step) for step in fault.path])
    id = MISTRAL_FAULTS.get(fault.kind, "mistral/limits")
    return id, Finding(place, more, code=code, sentence=sentence)


def told_by_mistral(violations: Violations) -> Failure:
    """All that is wrong with fields, in a list; of messages the first thing."""
    first = violations[0]
    if first.status != 422:
        return first_alone(violations)
    told = tuple([one for one in violations if one.status == 422])
    return Failure(422, first.message, told=told)


def mistral_book(api: str, rules: Any, shape: Any, view: Any = None) -> Book:
    """The rules of one of its APIs."""
    return Book(
        "mistral", api, rules, shape, mistral_voice, view or (lambda case: case), told_by_mistral
    )


MISTRAL_CHAT = mistral_book("chat", MISTRAL_CHAT_RULES, MISTRAL_CHAT_BODY, MistralView)
VERTEX_MISTRAL_CHAT = mistral_book("chat", MISTRAL_CHAT_RULES, VERTEX_MISTRAL_BODY, MistralView)
MISTRAL_FIM = mistral_book("fim", MISTRAL_FIELD_RULES, MISTRAL_FIM_BODY)
VERTEX_MISTRAL_FIM = mistral_book("fim", MISTRAL_FIELD_RULES, VERTEX_FIM_BODY)
MISTRAL_EMBEDDINGS = mistral_book("embeddings", MISTRAL_FIELD_RULES, MISTRAL_EMBED_BODY)
