"""What Ollama refuses, in the words of its server and of Go's decoder (request rules, 1.8 and
2.12).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Tuple

from ..errors import kind_of
from .base import Book, Case, Finding, Rule
from .fields import FieldFault, KeyStep
from .ollama_fields import (
    GO_ITEMS,
    GO_TYPES,
    OLLAMA_CHAT_BODY,
    OLLAMA_EMBED_BODY,
    OLLAMA_EMBEDDINGS_BODY,
    OLLAMA_GENERATE_BODY,
)
from .openai_voice import bracketed

LEVELS = ("high", "medium", "low", "max")
LIBRARY = "registry.ollama.ai/library/"  # where a model without a place is from

# What Go calls the kinds of JSON values, and the types that they should have been.
GO_KINDS = {"boolean": "bool", "integer": "number"}
GO_PLAIN = {"a boolean": "bool", "an integer": "int", "a string": "string"}


class OllamaVoice:
    """What Go says of a field of a struct that has another type."""

    def __init__(self, struct: str) -> None:
        self.struct = struct

    def __call__(self, fault: FieldFault) -> Tuple[str, Finding]:
        """The id of the rule, and what its error says."""
        kind = kind_of(fault.value).split()[-1]
        values: Dict[str, object] = {
            "got": GO_KINDS.get(kind, kind),
            "field": self.field(fault),
            "wanted": go_type(fault) if fault.path else "api." + self.struct,
        }
        return fault.shape.own_rule or "ollama/types", Finding(bracketed(fault.path), values)

    def field(self, fault: FieldFault) -> str:
        """The field: messages are decoded apart, and of them only the whole is told."""
        names = [step for step in fault.path if isinstance(step, str)]
        if not names:
            return "Go value"
        if names[0] == "messages":
            names = names[:1]
        return "Go struct field " + ".".join([self.struct, *names])


def go_type(fault: FieldFault) -> str:
    """What Go calls the type that a value should have had."""
    kind, path = fault.shape.kind, fault.path
    if len(path) > 1 and isinstance(path[-1], (int, KeyStep)):
        return GO_ITEMS.get(str(path[-2]), GO_PLAIN.get(kind, kind))
    return GO_TYPES.get(str(path[-1])) or GO_PLAIN.get(kind, "map[string]interface {}")


def no_model(case: Case) -> Iterator[Finding]:
    """No name of a model."""
    if not case.body.get("model"):
        yield Finding("model")


def odd_thinking(case: Case) -> Iterator[Finding]:
    """Another word than those that say how much to think."""
    found = case.body["think"]
    if isinstance(found, str) and found not in LEVELS:
        yield Finding("think", {"value": found})


def odd_input(case: Case) -> Iterator[Finding]:
    """An input that is neither a text nor texts."""
    given = case.body["input"]
    texts = given if isinstance(given, list) else [given]
    if given is not None and not all(isinstance(one, str) for one in texts):
        yield Finding("input")


def offers_tools(case: Case) -> Iterator[Finding]:
    """Tools, with the whole name of the model."""
    if case.body["tools"]:
        whole = case.model if "/" in case.model else LIBRARY + case.model
        tag = "" if ":" in case.model else ":latest"
        yield Finding("tools", {"model": whole + tag})


def is_to_think(case: Case) -> Iterator[Finding]:
    """That the model is to think."""
    if case.body["think"]:
        yield Finding("think", {"model": case.model})


def is_to_chat(case: Case) -> Iterator[Finding]:
    """That it is to talk at all."""
    yield Finding("model", {"model": case.model})


CANNOT_UNMARSHAL = "json: cannot unmarshal {got} into {field} of type {wanted}"
OLLAMA_SOURCE = "ollama server source"
# Request rules, 1.8 and 2.12.  The three that are off hold for families of its library that lack
# the ability, as far as reports tell; what one's own server has, nobody knows.
OLLAMA_RULES = (
    Rule("ollama/body", "model is required", OLLAMA_SOURCE, no_model),
    Rule("ollama/types", CANNOT_UNMARSHAL, "neuron-core/neuron-ai#219, rashadphz/farfalle#89"),
    Rule(
        "ollama/content",
        CANNOT_UNMARSHAL,
        "ollama/ollama#6451, lennartpollvogt/ollama-instructor#11",
    ),
    Rule(
        "ollama/think",
        'invalid think value: "{value}" (must be "high", "medium", "low", "max", true, or false)',
        OLLAMA_SOURCE,
        odd_thinking,
        needs=("think",),
    ),
    Rule(
        "ollama/tools",
        "{model} does not support tools",
        "ollama/ollama#11131, microsoft/magentic-ui#206, pydantic/pydantic-ai#703",
        offers_tools,
        default="off",
        needs=("tools",),
        models=r"^(?:deepseek-r1|gemma[23]?|llama[23]|orca2|phi[34]?|qwen)(?::|$)",
    ),
    Rule(
        "ollama/thinking",
        '"{model}" does not support thinking',
        OLLAMA_SOURCE,
        is_to_think,
        default="off",
        needs=("think",),
        models=r"^(?:gemma[23]?|llama[23](?:\.\d)?|orca2|phi[34]?|qwen(?:2(?:\.5)?)?)(?::|$)",
    ),
    Rule(
        "ollama/chat",
        '"{model}" does not support chat',
        OLLAMA_SOURCE,
        is_to_chat,
        default="off",
        needs=("messages",),
        models=r"(?:^|-)(?:embed|embedding)(?:-|:|$)|^(?:all-minilm|bge-)",
    ),
)
OLLAMA_EMBED_RULES = (
    *OLLAMA_RULES[:2],
    Rule(
        "ollama/input",
        "invalid input type",
        "ollama/ollama#12441",
        odd_input,
        needs=("input",),
    ),
)


def ollama_book(api: str, struct: str, shape: Any, rules: Any = OLLAMA_RULES) -> Book:
    """The rules of one of its APIs."""
    return Book("ollama", api, rules, shape, OllamaVoice(struct))


OLLAMA_CHAT = ollama_book("chat", "ChatRequest", OLLAMA_CHAT_BODY)
OLLAMA_GENERATE = ollama_book("generate", "GenerateRequest", OLLAMA_GENERATE_BODY)
OLLAMA_EMBED = ollama_book("embed", "EmbedRequest", OLLAMA_EMBED_BODY, OLLAMA_EMBED_RULES)
OLLAMA_EMBEDDINGS = ollama_book(
    "embeddings", "EmbeddingRequest", OLLAMA_EMBEDDINGS_BODY, OLLAMA_RULES[:2]
)
