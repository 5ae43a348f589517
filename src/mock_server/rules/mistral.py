"""What Mistral refuses (request rules, 1.8 and 2.11).  Pure."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..limits import Json
from ..values import Failure
from ..violations import Violations
from .base import Book, Case, Check, Finding, Rule, first_alone
from .conversation import indexed_objects
from .fields import (
    MISSING_FIELD,
    UNKNOWN_FIELD,
    WRONG_CHOICE,
    WRONG_TAG,
    WRONG_TYPE,
    FieldFault,
)
from .mistral_fields import (
    MISTRAL_CHAT_BODY,
    MISTRAL_EMBED_BODY,
    MISTRAL_FIM_BODY,
    VERTEX_FIM_BODY,
    VERTEX_MISTRAL_BODY,
)
from .pydantic_voice import pydantic_words

NO_CALL_ID = "null"  # what mistralai sends where there is none
NAME_FORM = re.compile("[a-zA-Z0-9_-]{1,64}")


class MistralView:
    """A chat request as Mistral's rules look at it: its messages, the roles of all of them, where
    tools were called, and where there are results and answers of nothing."""

    __slots__ = ("body", "messages", "roles", "calling", "results", "silent")

    def __init__(self, case: Case) -> None:
        self.body: Dict[str, Any] = case.body
        found = self.body.get("messages")
        self.messages: List[Any] = found if isinstance(found, list) else []
        self.roles: List[str] = []
        self.calling: List[Tuple[int, List[Any]]] = []
        self.results: List[int] = []
        self.silent: List[int] = []
        for index, message in enumerate(self.messages):
            role = message.get("role") if type(message) is dict else None
            self.roles.append(role if type(role) is str else "")
            if role == "tool":
                self.results.append(index)
            elif role == "assistant":
                self.read_answer(index, message)

    def read_answer(self, index: int, message: Dict[str, Any]) -> None:
        """Note what is told of an answer."""
        calls = message.get("tool_calls")
        if calls and type(calls) is list:
            self.calling.append((index, calls))
        elif not calls and not message.get("content"):
            self.silent.append(index)

    def calls(self) -> Iterator[Tuple[int, int, Dict[str, Any]]]:
        """The calls of tools, with the indexes of their messages and their own."""
        for index, calls in self.calling:
            for number, call in indexed_objects(calls):
                yield index, number, call


def ends_with_assistant(view: MistralView) -> Iterator[Finding]:
    """An answer as the last message that is no beginning of one."""
    if view.roles and view.roles[-1] == "assistant" and view.messages[-1].get("prefix") is not True:
        yield Finding(f"messages.{len(view.roles) - 1}")


def results_after_others(view: MistralView) -> Iterator[Finding]:
    """A result that follows neither an answer nor another result."""
    for index in view.results:
        if index and view.roles[index - 1] not in ("assistant", "tool"):
            yield Finding(f"messages.{index}", {"before": view.roles[index - 1]})


def users_after_results(view: MistralView) -> Iterator[Finding]:
    """The user right after a result."""
    for index in view.results:
        if view.roles[index + 1 : index + 2] == ["user"]:
            yield Finding(f"messages.{index + 1}")


def miscounted_results(view: MistralView) -> Iterator[Finding]:
    """More or fewer results than calls, from one answer to the next.  One is told."""
    if not view.calling and not view.results:
        return
    calls = {index: len(found) for index, found in view.calling}
    expected, asked_at = 0, 0
    for index, role in enumerate(view.roles):
        if role == "tool":
            expected -= 1
        elif role == "assistant":
            if expected:
                break
            expected, asked_at = calls.get(index, 0), index
    if expected:
        yield Finding(f"messages.{asked_at}")


def foreign_call_ids(view: MistralView) -> Iterator[Finding]:
    """Ids of calls that are not as Mistral makes them."""
    for index, number, call in view.calls():
        if is_foreign_id(call.get("id")):
            place = f"messages.{index}.assistant.tool_calls.{number}.id"
            yield Finding(place, {"id": call["id"]})
    for index in view.results:
        id = view.messages[index].get("tool_call_id")
        if is_foreign_id(id):
            yield Finding(f"messages.{index}.tool.tool_call_id", {"id": id})


def is_foreign_id(id: Json) -> bool:
    """Whether it is one of them; none at all passes on some versions (request rules, 4.2)."""
    if type(id) is not str or id in ("", NO_CALL_ID):
        return False
    return not (len(id) == 9 and id.isascii() and id.isalnum())


def odd_names(view: MistralView) -> Iterator[Finding]:
    """Names of functions, offered or called, that are too long or have other characters."""
    for index, tool in indexed_objects(view.body.get("tools")):
        name = odd_name(tool)
        if name is not None:
            yield Finding(f"tools.{index}.function.name", {"name": name})
    for index, number, call in view.calls():
        name = odd_name(call)
        if name is not None:
            place = f"messages.{index}.assistant.tool_calls.{number}.function.name"
            yield Finding(place, {"name": name})


def odd_name(holder: Dict[str, Any]) -> Optional[str]:
    """The name of its function, if it is one of them."""
    function = holder.get("function")
    name = function.get("name") if type(function) is dict else None
    if type(name) is not str or NAME_FORM.fullmatch(name):
        return None
    return name


def empty_answers(view: MistralView) -> Iterator[Finding]:
    """Answers of neither text nor calls."""
    for index in view.silent:
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
        "jrn",
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
