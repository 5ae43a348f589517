"""OpenAI's moderations (wire formats, 5.7).  Pure."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from ..ids import HEX
from ..limits import Json
from ..node import Field
from ..values import Call, Reply
from .openai import OpenAI, openai_text, strings_of
from .shapes import is_blocked

# The categories in the order of the provider's answers (5.7).
MODERATED = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class OpenAIModerations(OpenAI):
    """Moderations; a neutral reply that refuses, or stops by content_filter, flags `illicit`."""

    operation, api = "moderate", "moderations"
    routes: Tuple[str, ...] = ("POST /v1/moderations", "POST {prefix*}/moderations")
    fields = {"model": "a string", "input": "a string or an array!"}

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge, one by one; parts with images are one input."""
        node = body.get("input")
        value = node.value
        if isinstance(value, str):
            return [value]
        if value and isinstance(value[0], dict):
            return [openai_text(node)]
        return strings_of(self.counted(node))

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which the request may leave out."""
        return super().model(params, body) or "omni-moderation-latest"

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input; all are the same."""
        flagged = is_blocked(reply)
        # One category stands for all: a mock does not say what is wrong with the text.
        categories = dict.fromkeys(MODERATED, False)
        scores = dict.fromkeys(MODERATED, 0.00001)
        if flagged:
            categories["illicit"] = True
            scores["illicit"] = 0.98
        result = {
            "flagged": flagged,
            "categories": categories,
            "category_scores": scores,
            "category_applied_input_types": {name: ["text"] for name in MODERATED},
        }
        return {
            # How long such an id is was not seen (2.4).
            "id": reply.id or "modr-" + call.token("id", 32, HEX),
            "model": reply.model,
            "results": [result] * max(1, len(call.inputs)),
        }
