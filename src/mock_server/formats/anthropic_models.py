"""Anthropic's models (wire formats, section 9).  Pure."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

from ..limits import Json
from ..values import Call, Reply, Request
from .anthropic import Anthropic
from .base import caller

# The families of models (typed in anthropic-py 2.14); one of no family has null.
MODEL_LINES = frozenset(("haiku", "sonnet", "opus", "fable", "mythos"))


def supported(*names: str) -> Dict[str, Json]:
    """What a model can do, by name."""
    return {name: {"supported": True} for name in names}


# All keys are always there (typed), and all is supported: a client may try any of it.
CAPABILITIES: Mapping[str, Json] = {
    **supported("batch", "citations", "code_execution"),
    **supported("image_input", "pdf_input", "structured_outputs"),
    "context_management": {
        "supported": True,
        **supported("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112"),
    },
    "effort": {"supported": True, **supported("low", "medium", "high", "max", "xhigh")},
    "thinking": {
        "supported": True,
        "types": supported("adaptive", "between_tools", "disabled", "enabled"),
    },
    "server_tools": {"supported": True, **supported("code_execution", "web_search")},
}


def model_line(name: str) -> Optional[str]:
    """The family of a model, which is a word of its name."""
    return next((word for word in name.split("-") if word in MODEL_LINES), None)


class AnthropicModels(Anthropic):
    """Models, for clients that say `anthropic-version`."""

    operation = api = "models"
    routes = ("GET /v1/models[/{model:}]",)
    known = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
    speaks = frozenset()
    needs_mock = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Shared with OpenAI, Google and Mistral."""
        return caller(request) == "anthropic"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model, which nobody is about to retire."""
        # From `lifecycle` on typed in anthropic-py 2.14, where that one is required.
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2025-09-29T00:00:00Z",
            "lifecycle": "active",
            "line": model_line(name),
            "max_input_tokens": 200000,
            "max_tokens": 64000,
            "deprecated_at": None,
            "retires_at": None,
            "capabilities": CAPABILITIES,
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {
            "data": [self.entry(name) for name in self.known],
            "has_more": False,
            "first_id": self.known[0],
            "last_id": self.known[-1],
        }
