"""How OpenAI says that a field of a Responses request is wrong (request rules, 1.8).  Pure."""

from __future__ import annotations

from typing import Tuple

from .base import Finding
from .fields import (
    UNKNOWN_FIELD,
    WRONG_TAG,
    WRONG_TYPE,
    AMap,
    FieldFault,
)
from .openai_voice import FaultWords, OpenAIVoice, bracketed, said_values
from .responses_fields import Moved
from .responses_items_fields import AnId, ToldUnion

MOVED_SENTENCE = (
    "Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{to}'. "
    "Try again with the new parameter. See the API documentation for more information: "
    "https://platform.openai.com/docs/api-reference/responses/create."
)
ID_SENTENCE = "Invalid '{path}': '{id}'. Expected an ID that begins with '{prefix}'."


class ResponsesVoice(OpenAIVoice):
    """As in chat completions, with what only this API has or calls otherwise."""

    def rule_of(self, fault: FieldFault) -> str:
        """The id of the rule that a fault breaks."""
        if fault.kind == UNKNOWN_FIELD and fault.path[:1] == ("input",):
            return "responses/unknown-item-field"
        if fault.kind == WRONG_TYPE:
            return "responses/types"
        return super().rule_of(fault)

    def __call__(self, fault: FieldFault) -> Tuple[str, Finding]:
        """The id of the rule, and what its error says."""
        shape, path = fault.shape, bracketed(fault.path)
        if isinstance(shape, Moved):
            return shape.id, Finding(path, {"name": path, "to": shape.to})
        id, finding = super().__call__(fault)
        if fault.kind == WRONG_TAG and isinstance(shape, ToldUnion):
            finding = finding._replace(place=path, values={**finding.values, "path": path})
        return id, finding

    @staticmethod
    def said(fault: FieldFault) -> FaultWords:
        """What is said of a fault."""
        shape, kind, value = fault.shape, fault.kind, fault.value
        if kind == WRONG_TAG and isinstance(shape, ToldUnion):
            sentence = "Invalid value: '{value}'. Supported values are: {choices}."
            return sentence, "invalid_value", {"value": value, "choices": said_values(shape.told)}
        if kind == WRONG_TYPE and isinstance(shape, AMap):
            sentence, code, more = OpenAIVoice.said(fault)
            return sentence, code, {**more, "wanted": "a metadata object"}
        if isinstance(shape, AnId) and kind != WRONG_TYPE:
            return ID_SENTENCE, "invalid_value", {"id": value, "prefix": shape.prefix}
        return OpenAIVoice.said(fault)
