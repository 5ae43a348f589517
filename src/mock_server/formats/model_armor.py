"""Google's Model Armor: guardrails that gateways ask for a verdict (public answers).  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Tuple

from ..jsons import merged
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Failure, Refusal, Reply, Text
from .gemini import pick, snake
from .shapes import is_blocked
from .vertex import VERTEX_ERRORS, Vertex

ARMOR_TEMPLATE = "POST /v1/projects/{project}/locations/{location}/templates/{model}:"
# The filters, and what the result of each is called; `csam` really has the word twice.
ARMOR_FILTERS = {
    "csam": "csamFilterFilterResult",
    "malicious_uris": "maliciousUriFilterResult",
    "rai": "raiFilterResult",
    "pi_and_jailbreak": "piAndJailbreakFilterResult",
    "sdp": "sdpFilterResult",
}
ARMOR_HARMS = ("sexually_explicit", "hate_speech", "harassment", "dangerous")
MATCH_FOUND = "MATCH_FOUND"


def armor_state(found: bool) -> Dict[str, Json]:
    """Whether a filter has found something."""
    return {"matchState": MATCH_FOUND if found else "NO_" + MATCH_FOUND}


def has_match(value: Json) -> bool:
    """Whether a filter says anywhere that it has found something."""
    if isinstance(value, dict):
        return value.get("matchState") == MATCH_FOUND or any(map(has_match, value.values()))
    return False


class ArmorPrompt(Vertex):
    """sanitizeUserPrompt.  A neutral reply that refuses, or stops by content_filter, is dangerous;
    a block holds results by the names of their filters, laid over the usual ones."""

    operation, api = "moderate", "sanitizeUserPrompt"
    routes: Tuple[str, ...] = (ARMOR_TEMPLATE + "sanitizeUserPrompt",)
    asked = "userPromptData"  # in which member the text is
    speaks = frozenset((Text, Refusal, Block))
    service = "modelarmor.googleapis.com"
    errors: Mapping[str, Failure] = {
        **VERTEX_ERRORS,
        "not_found": Failure(404, "Resource '{path}' was not found"),
    }

    def inputs(self, body: Field) -> List[str]:
        """The text, if there is one: a file may be in its place."""
        name = self.asked
        if snake(name) in body.value:
            name = snake(name)
        data = body.check({name: "an object!"}).get(name)
        return [pick(data.check({"text": "a string"}).value, "text") or ""]

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Results of filters."""
        return block.keys() <= ARMOR_FILTERS.keys()

    def whole(self, call: Call, reply: Reply) -> Json:
        """What each filter found, and whether any did."""
        results = self.results(is_blocked(reply))
        for part in reply.parts:
            if isinstance(part, Block):
                results = merged(results, part.value)
        return {
            "sanitizationResult": {
                "filterMatchState": armor_state(has_match(results))["matchState"],
                "filterResults": results,
                "invocationResult": "SUCCESS",
            }
        }

    @staticmethod
    def results(is_dangerous: bool) -> Dict[str, Json]:
        """The results of all filters."""
        results: Dict[str, Json] = {}
        for name, kind in ARMOR_FILTERS.items():
            found = is_dangerous and name == "rai"
            result = {"executionState": "EXECUTION_SUCCESS", **armor_state(found)}
            if name == "rai":
                kinds = {harm: armor_state(found and harm == "dangerous") for harm in ARMOR_HARMS}
                result["raiFilterTypeResults"] = kinds
            if name == "sdp":
                result = {"inspectResult": result}
            results[name] = {kind: result}
        return results


class ArmorAnswer(ArmorPrompt):
    """sanitizeModelResponse, of what a model has said."""

    api = "sanitizeModelResponse"
    routes = (ARMOR_TEMPLATE + "sanitizeModelResponse",)
    asked = "modelResponseData"
