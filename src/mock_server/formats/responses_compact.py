"""OpenAI's compaction of a conversation (wire formats, 5.5).  Pure."""

from __future__ import annotations

import base64
from typing import Any, Dict, FrozenSet, Mapping, Tuple

from ..jsons import utf8
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Text
from .azure import AZURE_ERRORS
from .azure_responses import AzureEngine
from .responses import OpenAIResponses, response_usage
from .responses_input import input_items
from .responses_items import response_id
from .responses_reading import ResponsesRequest


class OpenAICompact(ResponsesRequest):
    """What a conversation comes to in few tokens; a neutral text is what it says, encrypted."""

    api = "compact"
    routes: Tuple[str, ...] = ("POST /v1/responses/compact", "POST {prefix*}/responses/compact")
    speaks: FrozenSet[Any] = frozenset((Text,))
    may_stream = False

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """All messages of the user, then one item that stands for all else (read in openai-py)."""
        said = base64.urlsafe_b64encode(utf8(reply.text(Text) or "")).decode().rstrip("=")
        return {
            "id": reply.id or response_id(call, "resp", "id"),
            "object": "response.compaction",
            "created_at": call.second,
            "output": [
                *(item for item in input_items(call) if item.get("role") == "user"),
                {
                    "id": response_id(call, "cmp", "compaction"),
                    "type": "compaction",
                    "encrypted_content": "gAAAAAB" + said,
                },
            ],
            "usage": response_usage(reply.usage, "completed"),
        }


class AzureCompact(AzureEngine, OpenAICompact):
    """The same at Azure's paths."""

    routes = ("POST /openai[/v1]/responses/compact",)
    errors = {**AZURE_ERRORS, "context_length": OpenAIResponses.errors["context_length"]}
