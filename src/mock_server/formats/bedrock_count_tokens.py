"""AWS Bedrock: CountTokens (wire formats, section 10).  Pure."""

from __future__ import annotations

import base64
from typing import Iterable

from ..jsons import parse_json
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Turn
from .bedrock import Bedrock
from .bedrock_converse import ConverseRequest, converse_turns
from .bedrock_invoke import invoked_turns


class BedrockCountTokens(Bedrock):
    """CountTokens, of a Converse or an InvokeModel request."""

    operation, api = "count_tokens", "count-tokens"
    routes = ("POST /model/{model}/count-tokens",)
    fields = {"input": "an object!"}

    def turns(self, body: Field) -> Iterable[Turn]:
        """The conversation of the request inside."""
        converse = body.within("input", "converse")
        if not converse.is_absent:
            # No managed prompt can stand for the messages here, as it can in Converse itself.
            converse.check({**ConverseRequest.fields, "messages": "an array!"})
            return converse_turns(converse)
        # In JSON a blob is base64, and the body of an invoke request is a blob.
        packed = body.within("input", "invokeModel", "body")
        if not isinstance(packed.value, str):
            return ()
        try:
            return invoked_turns(parse_json(base64.b64decode(packed.value)))
        except ValueError as error:
            packed.expected(f"base64 of JSON ({error})")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"inputTokens": reply.usage.input}
