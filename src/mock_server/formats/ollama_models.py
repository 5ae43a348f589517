"""Ollama's models: the list, one of them, those in memory, and its version (section 13).  Pure."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, Mapping

from ..ids import HEX, token
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Turn
from .ollama import Ollama

# Models that are there, and what tags says of each (section 13, verified).
OLLAMA_MODELS = ("llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest")
OLLAMA_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}


# What is in memory after a request, and of how long a text it knows.
LOADED = ("llama3.2:latest",)
LLAMA_CONTEXT = 131072
LLAMA_LAYERS: Dict[str, Json] = {
    "general.architecture": "llama",
    "general.basename": "Llama-3.2",
    "general.file_type": 15,
    "general.parameter_count": 3212749888,
    "general.quantization_version": 2,
    "general.type": "model",
    "llama.attention.head_count": 24,
    "llama.attention.head_count_kv": 8,
    "llama.block_count": 28,
    "llama.context_length": LLAMA_CONTEXT,
    "llama.embedding_length": 3072,
    "llama.vocab_size": 128256,
    "tokenizer.ggml.model": "gpt2",
}
MODIFIED = "2026-08-26T20:15:12.123456789Z"


class OllamaModels(Ollama):
    """What is said of models, without a mock."""

    operation = "models"
    speaks: FrozenSet[Any] = frozenset()
    needs_mock = False

    def entry(self, name: str) -> Dict[str, Json]:
        """What lists say of a model."""
        return {
            "name": name,
            "model": name,
            "modified_at": MODIFIED,
            "size": 2019393189,
            "digest": token(name, 64, HEX),
            "details": OLLAMA_DETAILS,
        }


class OllamaTags(OllamaModels):
    """tags: the models that are there."""

    api = "tags"
    routes = ("GET /api/tags",)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list."""
        return {"models": [self.entry(name) for name in OLLAMA_MODELS]}


class OllamaPs(OllamaModels):
    """ps: the models in memory."""

    api = "ps"
    routes = ("GET /api/ps",)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model, with the memory that it takes and until when it stays."""
        told = super().entry(name)
        del told["modified_at"]
        kept = {"expires_at": "2026-08-26T20:20:12.123456789Z", "size_vram": told["size"]}
        return {**told, **kept, "context_length": LLAMA_CONTEXT}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list."""
        return {"models": [self.entry(name) for name in LOADED]}


class OllamaShow(OllamaModels):
    """show: one model, whatever its name is."""

    api = "show"
    routes = ("POST /api/show", "POST {prefix*}/api/show")
    fields: Mapping[str, str] = {
        "model": "a string",
        "name": "a string",
        "verbose": "a boolean",
        "system": "a string",
        "template": "a string",
        "options": "an object",
    }

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """`model`, or `name`, as it was called first and LiteLLM still does."""
        name = body.value.get("model") or body.value.get("name")
        if not name:
            body.get("model").missing("a string")
        return str(name)

    def turns(self, body: Field) -> Iterable[Turn]:
        """None: nothing is said to the model."""
        return ()

    def whole(self, call: Call, reply: Reply) -> Json:
        """What the model is, and what it can do."""
        capabilities = ["completion", "tools"]
        if "embed" in call.model:
            capabilities = ["embedding"]
        return {
            "license": "A license for tests.",
            "modelfile": f"FROM {call.model}\n",
            "parameters": 'stop                           "<|eot_id|>"',
            "template": "{{ .Prompt }}",
            "details": OLLAMA_DETAILS,
            "model_info": LLAMA_LAYERS,
            "capabilities": capabilities,
            "modified_at": MODIFIED,
        }


class OllamaVersion(OllamaModels):
    """version."""

    api = "version"
    routes = ("GET /api/version",)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The version whose answers these are like."""
        return {"version": "0.12.0"}
