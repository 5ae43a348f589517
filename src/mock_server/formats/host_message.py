"""Chat completions of other hosts, whole: what they say otherwise than OpenAI is data.  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Optional, Tuple

from ..ids import HEX, token
from ..limits import Json
from ..values import Call, Part, Reasoning, Refusal, Reply, Text, ToolCall
from .extras import Places
from .likely import whole_pieces
from .members import Members, drawn
from .openai_chat import OpenAIChat, logprobs
from .places import HOST_PLACES
from .shapes import said_stop, stop_of, tool_input


def host_usage(reply: Reply) -> Dict[str, Json]:
    """Token counts as most hosts have them: details only where there is something to tell."""
    usage = reply.usage
    counts: Dict[str, Json] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
    }
    if usage.cached:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return counts


class HostObject(OpenAIChat):
    """What the whole answers and the chunks of a host have in common."""

    has_functions = False
    has_custom_tools = False
    places: Places = HOST_PLACES
    id_shape = "chatcmpl-{uuid}"
    fingerprint = ("fp_", 10)  # how it begins, and how many hex digits follow
    fixed: Mapping[str, Json] = {}  # members that are the same in every object

    def framed(self, frame: Members, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """An object, as far as it is the same in all of an answer."""
        begin, digits = self.fingerprint
        return frame.of(
            {
                "id": reply.id or drawn(self.id_shape, call),
                "object": kind,
                "created": call.second,
                "model": reply.model,
                "system_fingerprint": begin + token(call.model, digits, HEX),
                **self.fixed,
            }
        )

    def chosen(
        self, frame: Members, values: Mapping[str, Json], finish: Optional[str]
    ) -> Dict[str, Json]:
        """One choice."""
        return frame.of({**values, "finish_reason": finish})

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts."""
        return host_usage(reply)


class HostMessage(HostObject):
    """Whole chat completions of a host."""

    call_id_shape = "call_{alnum:24}"
    whole_frame = Members("id object created model choices usage system_fingerprint")
    choice_frame = Members("index message logprobs finish_reason")
    likely_frame = Members("content refusal")  # of log probabilities
    message_frame = Members("role content reasoning? tool_calls?")
    call_frame = Members("id type function")
    blank: Optional[str] = None  # the content of a message that only calls tools
    silence: Optional[str] = None  # and of one that does not even that
    reasoning_key = "reasoning"
    reasoning_tags: Tuple[str, ...] = ()  # around thoughts, where they are in the content
    says_refusal = False  # whether it is apart from the text
    stops: Mapping[str, str] = {}  # finish reasons that it has another word for

    def is_said(self, part: Part) -> bool:
        """Whether a part is in the content."""
        if isinstance(part, Reasoning):
            return bool(self.reasoning_tags)
        return isinstance(part, Text) or (isinstance(part, Refusal) and not self.says_refusal)

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """Why the answer ends; a refusal is text that a filter stopped."""
        return said_stop(self.stops, stop_of(reply))

    def thought(self, text: str) -> Dict[str, Json]:
        """The members that hold a thought, or a piece of one."""
        return {self.reasoning_key: text}

    def content(self, reply: Reply) -> Optional[str]:
        """All that is said, or `blank`."""
        texts = []
        for part in filter(self.is_said, reply.parts):
            text = getattr(part, "text", "")
            if isinstance(part, Reasoning):
                text = text.join(self.reasoning_tags)
            texts.append(text)
        if texts:
            return "".join(texts)
        return self.blank if reply.tool_calls else self.silence

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A whole tool call."""
        label = f"tool {choice} {number}"
        return self.call_frame.of(
            {
                "index": number,
                "id": part.id or drawn(self.call_id_shape, call, label, number),
                "type": "function",
                "function": {"name": part.name, "arguments": tool_input(part)},
            }
        )

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        values: Dict[str, Json] = {"role": "assistant", "content": self.content(reply)}
        thought = reply.text(Reasoning)
        if thought and not self.reasoning_tags:
            values.update(self.thought(thought))
        values["tool_calls"] = self.tool_calls(call, reply, choice) or None
        if self.says_refusal:
            values["refusal"] = reply.text(Refusal) or None
        return self.message_frame.of(values)

    def likely(self, call: Call, pieces: Iterable[Optional[str]]) -> Optional[Dict[str, Json]]:
        """The log probabilities of pieces of text, if the request wants them."""
        found = logprobs(pieces, call.body)
        if found is None:
            return None
        return self.likely_frame.of(found)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `chat.completion` object."""
        finish = self.finish_reason(call, reply)
        shared = self.framed(self.whole_frame, call, reply, "chat.completion")
        choices = []
        others = () if self.says_refusal else (Refusal,)
        for index in range(call.choices):
            values = {"index": index, "message": self.message(call, reply, index)}
            # Those of thoughts are not told, also where these are in the content.
            values["logprobs"] = self.likely(call, whole_pieces(call, reply, *others))
            choices.append(self.chosen(self.choice_frame, values, finish))
        return {**shared, "choices": choices, "usage": self.usage(reply)}
