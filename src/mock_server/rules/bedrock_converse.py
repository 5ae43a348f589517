"""What Bedrock's Converse, ConverseStream and CountTokens refuse (request rules, 1.5 and 2.9).
Pure."""

from __future__ import annotations

import functools
import re
from typing import Iterator

from ..jsons import within
from .base import Book, Finding, Rule
from .bedrock_fields import CONVERSE_BODY, COUNT_BODY
from .bedrock_models import BEDROCK_MODEL_RULES, ON_DEMAND_RULES, SIGNING_RULES
from .bedrock_talk import (
    BARE_JSON,
    MODEL_FIELDS,
    NAMES_PAPERS,
    ODD_START,
    REPEATED,
    TOOL_BLOCK,
    WITH_BLANKS,
    WITHOUT_BLOCKS,
    ConverseTalk,
    converse_talk,
    counted_talk,
)
from .bedrock_voice import (
    AWS_CONSTRAINT,
    AWS_TYPES,
    AWS_UNION,
    ONE_DETECTED,
    said_by_aws,
    told_by_aws,
)
from .conversation import unanswered

# Which pattern a model's id has in the path, by operation (botocore 1.44.8).
COUNTED_MODEL = r"[a-zA-Z_\.\-/0-9:]+"
CONVERSE_MODEL = (
    r"(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:(([0-9]{12}:custom-model/[a-z0-9-]{1,63}[.]{1}"
    r"[a-z0-9-]{1,63}/[a-z0-9]{12})|(:foundation-model/[a-z0-9-]{1,63}[.]{1}[a-z0-9-]{1,63}([.:]?"
    r"[a-z0-9-]{1,63}))|([0-9]{12}:imported-model/[a-z0-9]{12})|([0-9]{12}:provisioned-model/"
    r"[a-z0-9]{12})|([0-9]{12}:custom-model-deployment/[a-z0-9]{12})|([0-9]{12}:(inference-profile|"
    r"application-inference-profile)/[a-zA-Z0-9-:.]+)))|([a-z0-9-]{1,63}[.]{1}[a-z0-9-]{1,63}"
    r"([.:]?[a-z0-9-]{1,63}))|(([0-9a-zA-Z][_-]?)+)|([a-zA-Z0-9-:.]+)|(^(arn:aws(-[^:]+)?:bedrock:"
    r"[a-z0-9-]{1,20}:[0-9]{12}:prompt/[0-9a-zA-Z]{10}(?::[0-9]{1,5})?))$|(^arn:aws:sagemaker:"
    r"[a-z0-9-]+:[0-9]{12}:endpoint/[a-zA-Z0-9-]+$)|(^arn:aws(-[^:]+)?:bedrock:([0-9a-z-]{1,20}):"
    r"([0-9]{12}):(default-)?prompt-router/[a-zA-Z0-9-:.]+$)"
)
# The name of a document, and what it may not have twice in a row.
DOCUMENT_NAME = re.compile(r"[A-Za-z0-9_\s\-()\[\]]*")
TWO_BLANKS = re.compile(r"\s\s")
BAD_MODEL_FIELDS = (
    f"The format of the {MODEL_FIELDS} field is invalid. Provide a json object for {MODEL_FIELDS}"
)


@functools.lru_cache(maxsize=256)
def is_model_id(model: str, pattern: str) -> bool:
    """Whether a model's id is one by its letters."""
    return bool(re.fullmatch(pattern, model))


def odd_models(view: ConverseTalk) -> Iterator[Finding]:
    """An id that no model can have."""
    pattern, most = (COUNTED_MODEL, 256) if view.is_count else (CONVERSE_MODEL, 2048)
    model = view.case.model
    wrong = ""
    if len(model) > most:
        wrong = f"have length less than or equal to {most}"
    elif not is_model_id(model, pattern):
        wrong = f"satisfy regular expression pattern: {pattern}"
    if wrong:
        wrong = wrong.replace("{", "{{").replace("}", "}}")
        sentence = f"{ONE_DETECTED}Value '{{value}}' at 'modelId' failed to satisfy constraint: "
        yield Finding("modelId", {"value": model}, sentence=sentence + "Member must " + wrong)


def blocks_without_tools(view: ConverseTalk) -> Iterator[Finding]:
    """Calls and results where no tools are defined."""
    if view.request.get("toolConfig") is None:
        for block in view.blocks:
            if block.kind in ("toolUse", "toolResult"):
                yield Finding(block.place)
                return


def first_of_another(view: ConverseTalk) -> Iterator[Finding]:
    """A conversation that the user does not begin; a managed prompt brings its own."""
    if view.roles:
        if view.roles[0] == "assistant":
            yield Finding("messages.0")
    elif not view.is_elsewhere:
        yield Finding("messages")


def repeated_roles(view: ConverseTalk) -> Iterator[Finding]:
    """Two turns of one role in a row."""
    if view.repeated:
        yield Finding(f"messages.{view.repeated}")


def missing_results(view: ConverseTalk) -> Iterator[Finding]:
    """Calls that the turn after does not answer; where there is none yet, nothing is said."""
    for turn, missing, _ in unanswered(view.turns):
        after = turn.last + 1
        if after < len(view.turns):
            yield Finding(f"messages.{after}.content", {"i": after, "ids": ", ".join(missing)})


def results_too_many(view: ConverseTalk) -> Iterator[Finding]:
    """More results than the turn before has calls."""
    calls = 0
    for turn in view.turns:
        if len(turn.results) > calls:
            at = turn.results[0].message
            yield Finding(f"messages.{at}.content", {"i": at})
        calls = len(turn.calls)


def blank_texts(view: ConverseTalk) -> Iterator[Finding]:
    """Texts that say nothing."""
    for place in view.blank:
        yield Finding(place)


def empty_messages(view: ConverseTalk) -> Iterator[Finding]:
    """Messages without a block."""
    for number in view.empty:
        yield Finding(f"messages.{number}")


def empty_failures(view: ConverseTalk) -> Iterator[Finding]:
    """Results of failures that say nothing."""
    for block in view.blocks:
        if block.kind != "toolResult" or within(block.value, "status") != "error":
            continue
        if within(block.value, "content") == []:
            yield Finding(f"{block.place}.toolResult")


def bare_values(view: ConverseTalk) -> Iterator[Finding]:
    """JSON that is no object, where any JSON could be meant."""
    for place in view.bare:
        yield Finding(place, sentence=BAD_MODEL_FIELDS if place == MODEL_FIELDS else None)


def is_document_name(name: str) -> bool:
    """Whether a name has letters that it may have alone."""
    return bool(DOCUMENT_NAME.fullmatch(name)) and not TWO_BLANKS.search(name)


def document_names(view: ConverseTalk) -> Iterator[Finding]:
    """Documents whose names have other letters than they may."""
    for place, name in view.papers:
        if isinstance(name, str) and not is_document_name(name):
            yield Finding(f"{place}.document.name")


# Request rules, 1.5, 1.8 and 2.9.
CONVERSE_FIELD_RULES = (
    Rule(
        AWS_CONSTRAINT,
        ONE_DETECTED
        + "Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: [a-zA-Z0-9_-]+",
        "openclaw/openclaw#12892, aws-samples/remote-swe-agents#457",
        odd_models,
    ),
    # What can't be read as the service model has it is no ValidationException at AWS: these are the
    # words of the framework that the suffix of x-amzn-ErrorType names.
    Rule(
        AWS_TYPES,
        "STRING_VALUE can not be converted to an Integer",
        "pattern of other services of AWS",
        type="SerializationException",
    ),
    # AWS's own clients refuse it; what the service says is not known.
    Rule(
        AWS_UNION,
        "Invalid number of parameters set for tagged union structure {path}. Can only set one of "
        "the following keys: {choices}.",
        "botocore",
        default="jrn",
    ),
)

# Request rules, 2.9.
CONVERSE_RULES = (
    *CONVERSE_FIELD_RULES,
    Rule(
        "bedrock/tool-config",
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        "langgenius/dify#17545, vxcontrol/pentagi#196",
        blocks_without_tools,
        needs=(TOOL_BLOCK,),
    ),
    Rule(
        "bedrock/first-user",
        "A conversation must start with a user message. Try again with a conversation that starts "
        "with a user message.",
        "public source files",
        first_of_another,
        needs=(ODD_START,),
    ),
    # Titan takes it (recorded).
    Rule(
        "bedrock/alternate",
        "A conversation must alternate between user and assistant roles. Make sure the "
        "conversation alternates between user and assistant roles and try again.",
        "langchain-ai/langchain-aws#130, langchain-ai/langchain-aws#192, cline/cline#431",
        repeated_roles,
        needs=(REPEATED,),
        models=r"^(?!titan-)",
    ),
    Rule(
        "bedrock/results-missing",
        "Expected toolResult blocks at messages.{i}.content for the following Ids: {ids}",
        "camel-ai/camel#3954, genkit-ai/aws-bedrock-js-plugin#664",
        missing_results,
        needs=("toolUse",),
    ),
    Rule(
        "bedrock/results-extra",
        "The number of toolResult blocks at messages.{i}.content exceeds the number of toolUse "
        "blocks of previous turn.",
        "strands-agents/harness-sdk#1435, Just-Curieous/Curie#16",
        results_too_many,
        needs=("toolResult",),
    ),
    Rule(
        "bedrock/text-blank",
        "The text field in the ContentBlock object at {place} is blank. Add text to the text "
        "field, and try again.",
        "aws-samples/bedrock-engineer#8, langchain-ai/langchain-aws#403",
        blank_texts,
        needs=(WITH_BLANKS,),
    ),
    Rule(
        "bedrock/content-empty",
        "The content field in the Message object at {place} is empty. Add a ContentBlock object to "
        "the content field and try again.",
        "cline/cline#9213",
        empty_messages,
        needs=(WITHOUT_BLOCKS,),
    ),
    Rule(
        "bedrock/error-result-empty",
        "The content field at {place} cannot be empty when status value is error.",
        "aws-samples/sample-multi-agent-orchestration-chat-on-agentcore#15",
        empty_failures,
        needs=("toolResult",),
    ),
    Rule(
        "bedrock/input-object",
        "The format of the value at {place} is invalid. Provide a json object for the field and "
        "try again.",
        "getnao/nao#1005, aws/aws-sdk-js-v3#7330",
        bare_values,
        needs=(BARE_JSON,),
    ),
    Rule(
        "bedrock/document-name",
        "The document file name can only contain alphanumeric characters, whitespace characters, "
        "hyphens, parentheses, and square brackets. The name can't contain more than one "
        "consecutive whitespace character.",
        "public source files",
        document_names,
        needs=(NAMES_PAPERS,),
    ),
    *BEDROCK_MODEL_RULES,
    *ON_DEMAND_RULES,
    *SIGNING_RULES,
)

CONVERSE_BOOK = Book(
    "bedrock", "converse", CONVERSE_RULES, CONVERSE_BODY, said_by_aws, converse_talk, told_by_aws
)
# Where tokens are counted, a model has its own id, and no throughput.
COUNT_TOKENS_RULES = [rule for rule in CONVERSE_RULES if rule not in ON_DEMAND_RULES]
COUNT_TOKENS_BOOK = Book(
    "bedrock",
    "count-tokens",
    COUNT_TOKENS_RULES,
    COUNT_BODY,
    said_by_aws,
    counted_talk,
    told_by_aws,
)
