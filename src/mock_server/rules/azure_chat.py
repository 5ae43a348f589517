"""What Azure refuses beside or otherwise than OpenAI (request rules, 2.4).  Pure."""

from __future__ import annotations

import re
from typing import Iterator

from ..jsons import within
from ..records import replace
from .base import Book, Case, Finding, Rule
from .fields import AnObject, Anything
from .openai_chat import CHAT_VOICE, OPENAI_CHAT_ROWS, OPENAI_FIELD_RULES
from .openai_chat_fields import CHAT_FIELDS
from .openai_chat_view import ChatView
from .openai_voice import UNKNOWN_ARGUMENTS, unknown_arguments

# Fields of its own, of chats on one's own data and of its security service.
AZURE_FIELDS = {
    **CHAT_FIELDS,
    **dict.fromkeys(("data_sources", "dataSources", "enhancements"), Anything()),
    "user_security_context": Anything(),
}
# A deployment is named by the path, and what is unknown is told all at once.
AZURE_CHAT_BODY = AnObject(AZURE_FIELDS, ("messages",), closed=False)

VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(?:-preview)?$")
CLASSIC = "/openai/deployments/"  # paths that need a version


def version_of(case: Case) -> str:
    """The date of the version that is asked for; empty where none is told that way."""
    found = VERSION.match(case.request.query.get("api-version", ""))
    return found.group(1) if found else ""


def no_version(case: Case) -> Iterator[Finding]:
    """A classic path without a version."""
    if case.request.path.startswith(CLASSIC) and not case.request.query.get("api-version"):
        yield Finding("")


def unknown_version(case: Case) -> Iterator[Finding]:
    """A classic path with a version that is none."""
    told = case.request.query.get("api-version")
    if told and case.request.path.startswith(CLASSIC) and not VERSION.match(told):
        yield Finding("")


def is_before(view: ChatView, date: str) -> bool:
    """Whether a version before this one is asked for."""
    told = version_of(view.case)
    return bool(told) and told < date


def old_for_model(view: ChatView) -> Iterator[Finding]:
    """A model that is newer than the version."""
    if is_before(view, "2024-12-01"):
        yield Finding("", {"m": view.case.model})


def old_for_schemas(view: ChatView) -> Iterator[Finding]:
    """Structured answers, which are newer than the version."""
    told = within(view.body, "response_format", "type")
    if told == "json_schema" and is_before(view, "2024-08-01"):
        yield Finding("response_format")


def old_for_required(view: ChatView) -> Iterator[Finding]:
    """Calls that are required, which is newer than the version."""
    if view.body["tool_choice"] == "required" and is_before(view, "2024-06-01"):
        yield Finding("tool_choice")


def unknown_to_azure(view: ChatView) -> Iterator[Finding]:
    """Fields that nobody knows (1.8)."""
    return unknown_arguments(view.body, AZURE_FIELDS)


# Of all APIs under a deployment.
AZURE_VERSION_RULES = (
    Rule(
        "azure/api-version-missing",
        "Resource not found",
        "documentation",
        no_version,
        status=404,
        code="404",
        early=True,
    ),
    Rule(
        "azure/api-version-missing",
        "Resource not found",
        "documentation",
        unknown_version,
        default="jrn",
        status=404,
        code="404",
        early=True,
    ),
)
AZURE_CHAT_RULES = (
    Rule(
        "azure/model-version",
        "Model {m} is enabled only for api versions 2024-12-01-preview and later",
        "several public sources",
        old_for_model,
        default="mod",
        models=r"^(?:o1|o3-mini|o4-mini)(?:-\d|$)",
        code="BadRequest",
    ),
    Rule(
        "azure/json-schema-version",
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview "
        "and later",
        "several public sources",
        old_for_schemas,
        needs=("response_format",),
        code="BadRequest",
    ),
    Rule(
        "azure/tool-choice-version",
        "tool_choice value as required is enabled only for api versions 2024-06-01 and later",
        "several public sources",
        old_for_required,
        needs=("tool_choice",),
        code="BadRequest",
    ),
)
UNKNOWN_FIELD_RULE = OPENAI_FIELD_RULES[0]
AZURE_UNKNOWN_RULE = replace(
    UNKNOWN_FIELD_RULE,
    sentence=UNKNOWN_ARGUMENTS,
    check=unknown_to_azure,
)
AZURE_CHAT = Book(
    "azure",
    "chat",
    [
        *AZURE_VERSION_RULES,
        AZURE_UNKNOWN_RULE,
        *AZURE_CHAT_RULES,
        *[row for row in OPENAI_CHAT_ROWS if row is not UNKNOWN_FIELD_RULE],
    ],
    AZURE_CHAT_BODY,
    CHAT_VOICE,
    ChatView,
)
