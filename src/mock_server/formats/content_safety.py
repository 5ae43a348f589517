"""Azure AI Content Safety: guardrails that gateways ask for a verdict (documented).  Pure."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Mapping

from ..errors import BadField
from ..jsons import compact
from ..limits import Headers, Json
from ..node import Field
from ..values import Block, Call, ErrorBody, Failure, Refusal, Reply, Text
from .azure import AZURE_KEY_ERROR, Azure
from .base import uuid
from .openai import openai_sentence
from .shapes import is_blocked, texts_of

HARMS = ("Hate", "SelfHarm", "Sexual", "Violence")
WORST = 6  # of the severities 0, 2, 4 and 6
BLOCKLIST_MATCH = frozenset(("blocklistName", "blocklistItemId", "blocklistItemText"))
FOUND_HARM = frozenset(("category", "severity"))

# Codes of errors by status (documented).
SAFETY_CODES = {
    400: "InvalidRequestBody",
    404: "ResourceNotFound",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServerBusy",
}
SAFETY_ERRORS = {
    "no_key": AZURE_KEY_ERROR,
    "authentication": AZURE_KEY_ERROR,
    "rate_limit": Failure(
        429, "The current RPS has exceeded the quota for your current SKU. Retry in {wait} seconds."
    ),
}


class ContentSafety(Azure):
    """What its APIs share: a key of its own, and errors with words for codes."""

    operation = "moderate"
    layout = staticmethod(compact)
    ending = ""
    credentials = ("ocp-apim-subscription-key", "authorization")
    errors: Mapping[str, Failure] = SAFETY_ERRORS
    tells_limits = False
    speaks: FrozenSet[Any] = frozenset((Text, Refusal))

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """None is named."""
        return ""

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id and the region."""
        return (("apim-request-id", uuid(call, "apim")), ("x-ms-region", "East US 2"))

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {"code", "message"}}`."""
        code = failure.code or SAFETY_CODES.get(failure.status, str(failure.status))
        return ErrorBody({"error": {"code": code, "message": failure.message}})

    def complaint(self, wrong: BadField) -> Failure:
        """The field by its name; the words are OpenAI's."""
        return Failure(400, openai_sentence(wrong)[0])


class SafetyAnalyze(ContentSafety):
    """text:analyze.  A neutral reply that refuses, or stops by content_filter, finds the worst of
    the last category that is asked for; a block is a category or a match of a blocklist."""

    api = "text:analyze"
    routes = ("POST /contentsafety/text:analyze",)
    fields: Mapping[str, str] = {
        "text": "a string!",
        "categories": "an array",
        "blocklistNames": "an array",
        "haltOnBlocklistHit": "a boolean",
        "outputType": "a string",
    }
    speaks = frozenset((Text, Refusal, Block))

    def inputs(self, body: Field) -> List[str]:
        """The text."""
        for category in body.get("categories").items():
            if category.value not in HARMS:
                category.one_from(HARMS)
        return [body.value["text"]]

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """An item of one of the two arrays of an answer."""
        return block.keys() in (BLOCKLIST_MATCH, FOUND_HARM)

    def whole(self, call: Call, reply: Reply) -> Json:
        """A severity a category."""
        asked = call.body.get("categories") or HARMS
        found: Dict[Json, Json] = dict.fromkeys(asked, 0)
        if is_blocked(reply):
            found[asked[-1]] = WORST
        blocks = [part.value for part in reply.parts if isinstance(part, Block)]
        found.update({one["category"]: one["severity"] for one in blocks if "category" in one})
        return {
            "blocklistsMatch": [one for one in blocks if "category" not in one],
            "categoriesAnalysis": [
                {"category": category, "severity": severity} for category, severity in found.items()
            ],
        }


class SafetyShield(ContentSafety):
    """text:shieldPrompt.  What a neutral reply refuses is the prompt or, without one, each of the
    documents."""

    api = "text:shieldPrompt"
    routes = ("POST /contentsafety/text:shieldPrompt",)
    fields = {"userPrompt": "a string", "documents": "an array"}

    def inputs(self, body: Field) -> List[str]:
        """The prompt, and the documents."""
        documents, prompt = texts_of(body.get("documents")), body.get("userPrompt")
        if prompt.is_absent and not documents:
            prompt.expected("a string")
        return [*([] if prompt.is_absent else [prompt.value]), *documents]

    def whole(self, call: Call, reply: Reply) -> Json:
        """Whether each of them is an attack."""
        attacks = is_blocked(reply)
        has_prompt = call.body.get("userPrompt") is not None
        document = {"attackDetected": attacks and not has_prompt}
        return {
            "userPromptAnalysis": {"attackDetected": attacks and has_prompt},
            "documentsAnalysis": [document for _ in call.body.get("documents") or ()],
        }


class SafetyJailbreak(ContentSafety):
    """text:detectJailbreak, as it was called first."""

    api = "text:detectJailbreak"
    routes = ("POST /contentsafety/text:detectJailbreak",)
    fields = {"text": "a string!"}

    def inputs(self, body: Field) -> List[str]:
        """The text."""
        return [body.value["text"]]

    def whole(self, call: Call, reply: Reply) -> Json:
        """Whether it is one."""
        return {"jailbreakAnalysis": {"detected": is_blocked(reply)}}
