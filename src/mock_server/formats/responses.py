"""OpenAI's Responses (wire formats, 5.5).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, cast

from ..jsons import BASE64URL, HEX, compact, within
from ..limits import Json
from ..node import Field
from ..values import (
    Call,
    Delta,
    Failure,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .openai import OPENAI_ERRORS, OpenAI, openai_text

RESPONSE_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def response_output(output: Field) -> str:
    """The text of a tool's output: a string, parts, or anything else as JSON."""
    value = output.value
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(within(one, "type"), str) for one in value):
        return openai_text(output)
    return "" if output.is_absent else compact(value)


def response_turns(body: Field) -> Iterator[Turn]:
    """Instructions and input; a call of a tool and the like is an assistant's turn without words."""
    instructions, given = body.get("instructions"), body.get("input")
    if isinstance(instructions.value, str):
        yield Turn("system", instructions.value)
    elif not instructions.is_absent:
        texts = [openai_text(item.get("content")) for item in instructions.objects()]
        yield Turn("system", "\n".join(texts))
    if isinstance(given.value, str):
        yield Turn("user", given.value)
        return
    for item in given.objects():
        kind = item_kind(item)
        if kind == "message":
            yield Turn(response_role(item), openai_text(item.get("content")))
        elif kind.endswith("_output") and "output" in item.value:
            yield Turn("tool", response_output(item.get("output")))
        elif kind not in ("item_reference", "mcp_approval_response"):
            yield Turn("assistant", "")


def item_kind(item: Field) -> str:
    """The type of an input item, which a message and a reference may leave out."""
    value = item.value
    usual = "message" if "role" in value or "id" not in value else "item_reference"
    kind = item.get("type")
    return cast(str, kind.text()) if kind.value else usual


def response_role(item: Field) -> str:
    """Who speaks in a message of the input."""
    role = item.check({"role": "a string!"}).get("role")
    if role.value not in RESPONSE_ROLES:
        role.expected("one from " + ", ".join(RESPONSE_ROLES))
    return RESPONSE_ROLES[role.value]


class ResponsesRequest(OpenAI):
    """How a Responses request reads."""

    api = "responses"
    fields = {
        "model": "a string",
        "input": "a string or an array",
        "instructions": "a string or an array",
        "stream": "a boolean",
        "stream_options": "an object",
        "tools": "an array",
        "tool_choice": "a string or an object",
        "text": "an object",
        "reasoning": "an object",
        "previous_response_id": "a string",
        "store": "a boolean",
        "max_output_tokens": "an integer",
        "temperature": "a number",
        "top_p": "a number",
        "metadata": "an object",
        "parallel_tool_calls": "a boolean",
        "include": "an array",
        "background": "a boolean",
        "user": "a string",
    }
    errors = {
        **OPENAI_ERRORS,
        "not_found": Failure(
            400,
            "The requested model '{model}' does not exist.",
            code="model_not_found",
            param="model",
        ),
        "context_length": Failure(
            400,
            "Your input exceeds the context window of this model. Please adjust your input "
            "and try again.",
            code="context_length_exceeded",
            param="input",
        ),
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """Instructions and input, which may be missing, as the model may, where something else stands for it."""
        given = body.value
        if not (given.get("model") or given.get("prompt")):
            body.get("model").missing("a string")
        elsewhere = {"prompt", "previous_response_id", "conversation"} & set(given)
        if given.get("input") is None and not elsewhere:
            body.get("input").missing("a string or an array")
        return response_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools; the type of a hosted one."""
        for node in body.get("tools").objects():
            tool = node.value
            named = "a string!" if tool.get("type") in ("function", "custom") else "a string"
            node.check({"type": "a string!", "name": named})
            yield tool.get("name") or tool["type"]

    def schema(self, body: Field) -> Json:
        """`text.format.schema`."""
        return within(body.value, "text", "format", "schema")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))


class ResponseObjects(ResponsesRequest):
    """The objects of the Responses API: the response, its output items and what they hold."""

    # status of the response and what is incomplete about it
    outcomes = {
        "stop": ("completed", None),
        "tool_calls": ("completed", None),
        "length": ("incomplete", "max_output_tokens"),
        "content_filter": ("incomplete", "content_filter"),
    }

    def id(self, call: Call, prefix: str, label: str) -> str:
        """An id: 16 digits that all of the response share, the second, and 24 of its own (2.4)."""
        own = call.token(label, 24, HEX)
        return f"{prefix}_{call.token('response', 16, HEX)}00{call.second:08x}{own[:4]}819{own[7:]}"

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; it repeats most of the request."""
        body, reason = call.body, self.outcomes[reply.stop][1] if status == "incomplete" else None
        asked = {name: body[name] for name in RESPONSE_DEFAULTS if body.get(name) is not None}
        done = status in ("completed", "incomplete")
        given: Dict[str, Json] = {
            **RESPONSE_DEFAULTS,
            **asked,
            "id": reply.id or self.id(call, "resp", "id"),
            "object": "response",
            "created_at": call.second,
            "status": status,
            "completed_at": call.second + 1 if status == "completed" else None,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": reply.model,
            "output": output,
            "usage": usage,
            "reasoning": {**RESPONSE_DEFAULTS["reasoning"], **(body.get("reasoning") or {})},
            "text": {**RESPONSE_DEFAULTS["text"], **(body.get("text") or {})},
            "service_tier": "default" if done else "auto",
        }
        return {name: given[name] for name in RESPONSE_ORDER}

    def usage(self, usage: Usage) -> Dict[str, Json]:
        """Token counts with their details."""
        return {
            "input_tokens": usage.input,
            "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": usage.cached},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.total,
        }

    def item(
        self, call: Call, part: Part, index: int, status: str, content: Optional[List[Json]] = None
    ) -> Dict[str, Json]:
        """One output item; `content` is that of a message or the summary of a reasoning, None for all of it."""
        if isinstance(part, ToolCall):
            return {
                "id": self.id(call, "fc", f"item {index}"),
                "type": "function_call",
                "status": status,
                "arguments": compact(part.arguments) if content is None else "",
                "call_id": part.id or "call_" + call.token(f"tool {index}", 24),
                "name": part.name,
            }
        found = [self.part(part, getattr(part, "text", ""))] if content is None else content
        if isinstance(part, Reasoning):
            wanted = content is None and "reasoning.encrypted_content" in (
                call.body.get("include") or ()
            )
            secret = (
                {"encrypted_content": "gAAAAAB" + call.token(f"encrypted {index}", 121, BASE64URL)}
                if wanted
                else {}
            )
            return {
                "id": self.id(call, "rs", f"item {index}"),
                "type": "reasoning",
                "summary": found if part.text else [],
                **secret,
            }
        return {
            "id": self.id(call, "msg", f"item {index}"),
            "type": "message",
            "status": status,
            "content": found,
            "role": "assistant",
        }

    @staticmethod
    def part(part: Part, text: str) -> Dict[str, Json]:
        """What an item holds: output text, a refusal, or a part of a summary."""
        if isinstance(part, Reasoning):
            return {"type": "summary_text", "text": text}
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def output(self, call: Call, reply: Reply) -> List[Json]:
        """All output items; the last one is as incomplete as the response."""
        status, last = self.outcomes[reply.stop][0], len(reply.parts) - 1
        return [
            self.item(call, part, index, status if index == last else "completed")
            for index, part in enumerate(reply.parts)
        ]


class OpenAIResponses(ResponseObjects):
    """The Responses API, whole and streamed; nothing is stored (wire formats, 5.5)."""

    routes: Tuple[str, ...] = (
        "POST /v1/responses",
        "POST {prefix*}/responses",
    )
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"

    def whole(self, call: Call, reply: Reply) -> Json:
        """The response object."""
        return self.response(
            call,
            reply,
            self.output(call, reply),
            self.outcomes[reply.stop][0],
            self.usage(reply.usage),
        )

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their sequence numbers."""
        status, output = self.outcomes[reply.stop][0], self.output(call, reply)
        begun = self.response(call, reply, [], "in_progress")
        ended = self.response(call, reply, output, status, self.usage(reply.usage))
        said = itertools.chain(
            (
                ("response.created", {"response": begun}),
                ("response.in_progress", {"response": begun}),
            ),
            itertools.chain.from_iterable(
                self.item_events(call, list(deltas), output[index])
                for index, deltas in itertools.groupby(walk(reply), key=lambda delta: delta.index)
            ),
            ((f"response.{status}", {"response": ended}),),
        )
        for number, (name, value) in enumerate(said):
            rest = sorted(
                {**value, "sequence_number": number}.items()
            )  # recorded: the type, then keys in order
            yield name, {"type": name, **dict(rest)}

    def item_events(
        self, call: Call, deltas: List[Delta], item: Dict[str, Json]
    ) -> Iterator[Tuple[str, Dict[str, Json]]]:
        """The events of one output item, from added to done (5.5, recorded)."""
        part, index = deltas[0].part, deltas[0].index
        where: Dict[str, Json] = {"item_id": item["id"], "output_index": index}
        yield (
            "response.output_item.added",
            {"item": self.item(call, part, index, "in_progress", []), "output_index": index},
        )
        if isinstance(part, ToolCall):
            for number, delta in enumerate(deltas):
                yield (
                    "response.function_call_arguments.delta",
                    {
                        "delta": delta.piece,
                        **where,
                        **self.obfuscated(call, delta.piece, index + number),
                    },
                )
            yield "response.function_call_arguments.done", {"arguments": item["arguments"], **where}
        elif isinstance(part, (Text, Refusal)) or (isinstance(part, Reasoning) and part.text):
            yield from self.part_events(call, deltas, where)
        yield "response.output_item.done", {"item": item, "output_index": index}

    def part_events(
        self, call: Call, deltas: List[Delta], where: Dict[str, Json]
    ) -> Iterator[Tuple[str, Dict[str, Json]]]:
        """The events of one content or summary part."""
        part = deltas[0].part
        text = getattr(part, "text", "")
        names = {
            Text: ("content_part", "output_text", "text"),
            Refusal: ("content_part", "refusal", "refusal"),
            Reasoning: ("reasoning_summary_part", "reasoning_summary_text", "text"),
        }
        holder, name, key = names[type(part)]
        place: Dict[str, Json] = {
            ("summary_index" if isinstance(part, Reasoning) else "content_index"): 0,
            **where,
        }
        probabilities: Dict[str, Json] = {"logprobs": []} if isinstance(part, Text) else {}
        yield f"response.{holder}.added", {**place, "part": self.part(part, "")}
        for number, delta in enumerate(deltas):
            if delta.piece:
                yield (
                    f"response.{name}.delta",
                    {
                        **place,
                        "delta": delta.piece,
                        **probabilities,
                        **self.obfuscated(call, delta.piece, delta.index + number),
                    },
                )
        yield f"response.{name}.done", {**place, **probabilities, key: text}
        yield f"response.{holder}.done", {**place, "part": self.part(part, text)}

    @staticmethod
    def obfuscated(call: Call, piece: str, number: int) -> Dict[str, Json]:
        """Padding up to a multiple of 16 characters, unless the request wants none (5.5, recorded)."""
        if within(call.body, "stream_options", "include_obfuscation") is False:
            return {}
        start = number * 16 % 1008
        return {"obfuscation": call.pads[start : start + (-len(piece)) % 16]}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`, nested, which is the form that the SDKs raise on (5.5, verified)."""
        error = self.error(failure)
        yield (
            "error",
            {
                "type": "error",
                "error": {key: error[key] for key in ("type", "code", "message", "param")},
                "sequence_number": sent,
            },
        )

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        return named_by_type(values)


def named_by_type(values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
    """Recorded values under the names that are their types; those without are no events and pass as they are."""
    return ((value.get("type") or "" if isinstance(value, dict) else "", value) for value in values)


RESPONSE_DEFAULTS: Mapping[str, Json] = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"context": None, "effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
    "billing": {"payer": "developer"},
    "error": None,
    "moderation": None,
}


RESPONSE_ORDER = (
    "id",
    "object",
    "created_at",
    "status",
    "background",
    "billing",
    "completed_at",
    "error",
    "frequency_penalty",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "model",
    "moderation",
    "output",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
    "user",
    "metadata",
)


class OpenAIInputTokens(ResponsesRequest):
    """The input tokens of a Responses request."""

    operation, api = "count_tokens", "input_tokens"
    routes: Tuple[str, ...] = (
        "POST /v1/responses/input_tokens",
        "POST {prefix*}/responses/input_tokens",
    )
    fields = {**ResponsesRequest.fields, "model": "a string"}

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"object": "response.input_tokens", "input_tokens": reply.usage.input}
