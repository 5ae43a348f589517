"""AWS Bedrock: guardrails, applied to a text by themselves (boto3's model of them).  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Sequence

from ..jsons import within
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Failure, Refusal, Reply, Text
from .bedrock import BEDROCK_ERRORS, Bedrock
from .shapes import is_blocked

# The members of an assessment, each of them a policy of the guardrail, or what it cost.
POLICIES = frozenset(
    (
        *("topicPolicy", "contentPolicy", "wordPolicy", "sensitiveInformationPolicy"),
        *("contextualGroundingPolicy", "automatedReasoningPolicy", "invocationMetrics"),
        "appliedGuardrailDetails",
    )
)
CONTENT_FILTERS = ("INSULTS", "HATE", "SEXUAL", "VIOLENCE", "MISCONDUCT", "PROMPT_ATTACK")
BLOCKING_FILTER = "MISCONDUCT"  # the filter that stands for all: a mock does not say what is wrong
BLOCKED_SENTENCE = "Sorry, the model cannot answer this question."  # what AWS's console proposes
GUARDED_TEXT = 1000  # characters that cost a unit
GUARDRAIL_ERRORS = {
    **BEDROCK_ERRORS,
    "not_found": Failure(
        404, "The guardrail identifier or version provided in the request does not exist."
    ),
}


def units_of(texts: Sequence[str]) -> int:
    """What it costs to judge texts."""
    return max(1, -(-sum(map(len, texts)) // GUARDED_TEXT))


def check_enum(field: Field, words: Sequence[str]) -> None:
    """BadField for what is there and is none of some words."""
    if field.is_absent or field.value in words:
        return
    constraint = f"Member must satisfy enum value set: [{', '.join(words)}]"
    field.one_from(
        words,
        f"1 validation error detected: Value '{field.value}' at '{field.path}' failed to satisfy "
        f"constraint: {constraint}",
    )


def actions_in(value: Json) -> List[str]:
    """What the policies of an assessment did, wherever they say it."""
    if isinstance(value, list):
        return [action for item in value for action in actions_in(item)]
    if not isinstance(value, dict):
        return []
    found = [action for item in value.values() for action in actions_in(item)]
    action = value.get("action")
    if isinstance(action, str):
        found.append(action)
    return found


def filter_of(kind: str, blocks: bool) -> Dict[str, Json]:
    """What a filter says of a text."""
    confidence, action = "NONE", "NONE"
    if blocks:
        confidence, action = "HIGH", "BLOCKED"
    return {
        "type": kind,
        "confidence": confidence,
        "filterStrength": "HIGH",
        "action": action,
        "detected": blocks,
    }


class Guardrail(Bedrock):
    """What guardrail APIs share: they need a mock, which says nothing, refuses, or stops by
    content_filter."""

    operation = "moderate"
    errors: Mapping[str, Failure] = GUARDRAIL_ERRORS


class BedrockGuardrail(Guardrail):
    """ApplyGuardrail.  A neutral reply that refuses, or stops by content_filter, blocks; a block is
    an assessment, beside which the text is what is left of the one that was judged."""

    api = "guardrail"
    routes = ("POST /guardrail/{model}/version/{version}/apply",)
    fields = {"source": "a string!", "content": "an array!", "outputScope": "a string"}
    speaks = frozenset((Text, Refusal, Block))

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge; an image has none."""
        check_enum(body.get("source"), ("INPUT", "OUTPUT"))
        check_enum(body.get("outputScope"), ("INTERVENTIONS", "FULL"))
        texts = []
        for part in body.get("content").objects():
            part.check({"text": "an object", "image": "an object"})
            if "image" not in part.value:
                texts.append(part.check({"text": "an object!"}).within("text", "text").text())
        return texts

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """An assessment."""
        return block.keys() <= POLICIES

    def whole(self, call: Call, reply: Reply) -> Json:
        """What was found, and the text that is to stand for the one that was judged."""
        texts = call.inputs
        size, cost = sum(map(len, texts)), units_of(texts)
        assessments = self.assessments(call, reply)
        done = set(actions_in(assessments)) - {"NONE"}
        answer = {
            "usage": {
                "topicPolicyUnits": cost,
                "contentPolicyUnits": cost,
                "wordPolicyUnits": cost,
                "sensitiveInformationPolicyUnits": cost,
                "sensitiveInformationPolicyFreeUnits": 0,
                "contextualGroundingPolicyUnits": 0,
            },
            "action": "NONE",
            "outputs": [],
            "assessments": assessments,
            "guardrailCoverage": {"textCharacters": {"guarded": size, "total": size}},
        }
        if not done:
            return answer
        reason = "Guardrail blocked."
        if "BLOCKED" not in done:
            reason = "Guardrail masked."
        outputs = [{"text": self.output(call, reply, "BLOCKED" in done)}]
        return {
            **answer,
            "action": "GUARDRAIL_INTERVENED",
            "actionReason": reason,
            "outputs": outputs,
        }

    def assessments(self, call: Call, reply: Reply) -> List[Json]:
        """Those of the mock, or one by the filters, of which a full answer has all."""
        own: List[Json] = [part.value for part in reply.parts if isinstance(part, Block)]
        blocks = is_blocked(reply)
        if own and not blocks:
            return own
        wanted: Iterable[str] = CONTENT_FILTERS
        if within(call.body, "outputScope") != "FULL":
            wanted = (BLOCKING_FILTER,) if blocks else ()
        filters = [filter_of(kind, blocks and kind == BLOCKING_FILTER) for kind in wanted]
        if not filters:
            return [{}]
        return [*own, {"contentPolicy": {"filters": filters}}]

    def output(self, call: Call, reply: Reply, is_blocked: bool) -> str:
        """What the mock says, or else the usual sentence, or the text as it was."""
        said = reply.text(Refusal) or reply.text(Text)
        if said:
            return said
        return BLOCKED_SENTENCE if is_blocked else call.user


class BedrockGuardrailChecks(Guardrail):
    """InvokeGuardrailChecks: scores in place of a verdict, of what the request asks for.  A neutral
    reply that refuses, or stops by content_filter, scores 1."""

    api = "guardrail-checks"
    routes = ("POST /guardrail-checks/invoke",)
    fields = {"messages": "an array!", "checks": "an object!"}
    speaks = frozenset((Text, Refusal))

    def inputs(self, body: Field) -> List[str]:
        """The texts of the messages."""
        texts = []
        for message in body.get("messages").objects():
            message.check({"role": "a string!", "content": "an array!"})
            check_enum(message.get("role"), ("user", "assistant", "system"))
            for part in message.get("content").objects():
                texts.append(part.get("text").text())
        for name, kinds in GUARDRAIL_CHECKS.items():
            check = body.within("checks", name)
            if not check.is_absent:
                check.check({kinds[0]: "an array!"})
                for item in check.get(kinds[0]).objects():
                    item.get(kinds[1]).text()
        return texts

    def whole(self, call: Call, reply: Reply) -> Json:
        """A score a category; of sensitive information nothing is found."""
        score = float(is_blocked(reply))
        cost = {"textUnits": units_of(call.inputs)}
        results: Dict[str, Json] = {}
        for name, (items, kind) in GUARDRAIL_CHECKS.items():
            asked = within(call.body, "checks", name, items)
            if name == "sensitiveInformation" and asked is not None:
                results[name] = {"results": [], "truncated": False}
            elif asked is not None:
                found = [{kind: item[kind], "severityScore": score} for item in asked]
                results[name] = {"results": found}
        return {"results": results, "usage": dict.fromkeys(results, cost)}


# What can be checked: where the request names its kinds, and how each.
GUARDRAIL_CHECKS = {
    "contentFilter": ("categories", "category"),
    "promptAttack": ("categories", "category"),
    "sensitiveInformation": ("entities", "type"),
}
