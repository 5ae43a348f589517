"""OpenAI's Responses (wire formats, 5.5).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import WrongField
from ..jsons import BASE64URL, HEX, compact, within
from ..limits import Json
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
from .base import check, items
from .openai import ANY_PREFIX, OPENAI_ERRORS, OpenAI, openai_text

RESPONSE_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def response_output(output: Json, place: str) -> str:
    """The text of a tool's output: a string, parts, or anything else as JSON."""
    if isinstance(output, str) or (
        isinstance(output, list) and all(isinstance(within(one, "type"), str) for one in output)
    ):
        return openai_text(output, place)
    return "" if output is None else compact(output)


def response_turns(body: Json) -> Iterator[Turn]:
    """Instructions and input; a call of a tool and the like is an assistant's turn without words."""
    instructions, given = body.get("instructions"), body.get("input")
    if instructions is not None:
        yield Turn(
            "system",
            openai_text(instructions, "instructions")
            if isinstance(instructions, str)
            else "\n".join(
                openai_text(item.get("content"), place + ".content")
                for place, item in items(instructions, "instructions")
            ),
        )
    if isinstance(given, str):
        yield Turn("user", given)
        return
    for place, item in items(given, "input"):
        kind = item.get("type") or (
            "message" if "role" in item or "id" not in item else "item_reference"
        )
        if not isinstance(kind, str):
            raise WrongField(place + ".type", "a string", kind)
        if kind == "message":
            check(item, {"role": "a string!"}, place + ".")
            role = RESPONSE_ROLES.get(item["role"])
            if not role:
                raise WrongField(
                    place + ".role", "one from " + ", ".join(RESPONSE_ROLES), item["role"]
                )
            yield Turn(role, openai_text(item.get("content"), place + ".content"))
        elif kind.endswith("_output") and "output" in item:
            yield Turn("tool", response_output(item.get("output"), place + ".output"))
        elif kind not in ("item_reference", "mcp_approval_response"):
            yield Turn("assistant", "")


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

    def turns(self, body: Json) -> Iterator[Turn]:
        """Instructions and input, which may be missing, as the model may, where something else stands for it."""
        if not (body.get("model") or body.get("prompt")):
            raise WrongField("model", "a string")
        if body.get("input") is None and not {
            "prompt",
            "previous_response_id",
            "conversation",
        } & set(body):
            raise WrongField("input", "a string or an array")
        return response_turns(body)

    def tools(self, body: Json) -> Iterator[str]:
        """Names of functions and custom tools; the type of a hosted one."""
        for place, tool in items(body.get("tools"), "tools"):
            named = "a string!" if tool.get("type") in ("function", "custom") else "a string"
            check(tool, {"type": "a string!", "name": named}, place + ".")
            yield tool.get("name") or tool["type"]

    def schema(self, body: Json) -> Json:
        """`text.format.schema`."""
        return within(body, "text", "format", "schema")

    def streams(self, params: Mapping[str, str], body: Json) -> bool:
        """`stream`."""
        return bool(body.get("stream"))


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
        r"POST /v1/responses",
        rf"POST (?!/v1/responses|/openai/responses){ANY_PREFIX}/responses",
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
        r"POST /v1/responses/input_tokens",
        rf"POST (?!/v1/responses|/openai/){ANY_PREFIX}/responses/input_tokens",
    )
    fields = {**ResponsesRequest.fields, "model": "a string"}

    def streams(self, params: Mapping[str, str], body: Json) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"object": "response.input_tokens", "input_tokens": reply.usage.input}
