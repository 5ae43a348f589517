"""OpenAI's legacy completions (wire formats, 5.4).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from ..jsons import within
from ..limits import Json
from ..node import Field
from ..values import Call, Reasoning, Refusal, Reply, Text
from .base import choices_of
from .likely import LOGPROB, bounded_pieces
from .openai import OpenAIGeneration, input_texts, is_tokens, wants_usage
from .openai_chat import written_tokens
from .places import COMPLETION_PLACES
from .runs import ONCE, Stencil, hole, pieces, with_last
from .shapes import present, said_stop, stop_of

# Answers that one request may ask for: 128 choices of 16 prompts.
MOST_COMPLETIONS = 2048


# Finish reasons (5.4) by those of a reply; there are no tools.
COMPLETION_STOPS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
}


def completion_text(reply: Reply) -> str:
    """All that the answer says."""
    return (reply.text(Text) or "") + (reply.text(Refusal) or "")


def likely_completion(
    call: Call, texts: Iterable[str], offset: int, choices: int = 1
) -> Optional[Dict[str, Json]]:
    """How likely the pieces of a text were, where a request has the number of the most likely
    tokens that it wants of each; the first has so many characters before it."""
    most = call.body.get("logprobs")
    if most is None:
        return None
    tokens = list(bounded_pieces(texts, choices))
    ends = list(itertools.accumulate(map(len, tokens), initial=offset))
    return {
        "tokens": tokens,
        "token_logprobs": [LOGPROB] * len(tokens),
        "top_logprobs": [{token: LOGPROB} for token in tokens] if most else None,
        "text_offset": ends[:-1],
    }


class CompletionRequest(OpenAIGeneration):
    """How a request for completions reads."""

    api = "completions"
    fields = {
        "model": "a string!",
        "prompt": "a string or an array!",
        "stream": "a boolean",
        "n": "an integer",
        "stream_options": "an object",
        "temperature": "a number",
        "max_tokens": "an integer",
        "suffix": "a string",
        "logprobs": "an integer",
    }

    def inputs(self, body: Field) -> List[str]:
        """The prompts; lists of token numbers have no text."""
        prompt = body.get("prompt")
        if prompt.value == []:
            prompt.expected("an array")
        if isinstance(prompt.value, list) and not isinstance(prompt.value[0], int):
            for item in prompt.items():
                item.a("a string or an array")
        if not is_tokens(prompt.value):
            self.counted(prompt)
        return input_texts(prompt.value)

    def choices(self, body: Field) -> int:
        """Prompts times `n`."""
        # Numbered prompt by prompt: of two prompts and two choices the first has 0 and 1 (5.4).
        choices = choices_of(body.get("n"), 128) * len(self.inputs(body))
        if choices > MOST_COMPLETIONS:
            most = f"an array with at most {MOST_COMPLETIONS} completions in all"
            body.get("prompt").expected(most)
        return choices


class OpenAICompletions(CompletionRequest):
    """Legacy completions: text only; each of several prompts gets `n` choices."""

    routes: Tuple[str, ...] = ("POST /v1/completions", "POST {prefix*}/completions")
    speaks = frozenset((Text, Reasoning, Refusal))
    places = COMPLETION_PLACES

    def head(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What every object begins with."""
        return {
            "id": reply.id or "cmpl-" + call.token("id", 29),
            "object": "text_completion",
            "created": call.second,
        }

    def choice(
        self, index: int, text: str, finish: Optional[str], likely: Json = None
    ) -> Dict[str, Json]:
        """One choice, or a piece of one."""
        return {"text": text, "index": index, "logprobs": likely, "finish_reason": finish}

    def offset(self, call: Call, index: int) -> int:
        """The characters before the text of a choice, which are those of its prompt."""
        inputs = call.inputs
        return len(inputs[index * len(inputs) // call.choices])

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, without details but for what was written to a cache."""
        return {
            "prompt_tokens": reply.usage.input,
            "completion_tokens": reply.usage.output,
            "total_tokens": reply.usage.total,
            **present(prompt_tokens_details=written_tokens(reply.usage) or None),
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `text_completion` object."""
        text, finish = completion_text(reply), said_stop(COMPLETION_STOPS, stop_of(reply))
        texts = pieces(text, reply.chunk_size)
        choices = []
        for index in range(call.choices):
            likely = likely_completion(call, texts, self.offset(call, index), call.choices)
            choices.append(self.choice(index, text, finish, likely))
        return self.arranged(
            {
                **self.head(call, reply),
                "model": reply.model,
                "choices": choices,
                "usage": self.usage(reply),
            }
        )

    def is_content(self, name: str, value: Json) -> bool:
        """A text."""
        return any(within(choice, "text") for choice in within(value, "choices") or ())

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; the finish reason rides on a choice's last text (5.4, recorded)."""
        text, finishes = completion_text(reply), (None, said_stop(COMPLETION_STOPS, stop_of(reply)))
        head, model = self.head(call, reply), {"model": reply.model}
        usage: Dict[str, Json] = {}
        if wants_usage(call.body):
            usage["usage"] = None
        likely = None
        if call.body.get("logprobs") is not None:
            likely = hole(1)
        for index in range(call.choices):
            stencils = []
            for finish in finishes:
                choices = [self.choice(index, hole(0), finish, likely)]
                chunk = self.arranged({**head, "choices": choices, **model, **usage})
                stencils.append(Stencil(chunk))
            offset = self.offset(call, index)
            # Without a text there is still a piece, for the finish reason to ride on.
            for piece, is_last in with_last(pieces(text, reply.chunk_size) or ONCE):
                if likely is None:
                    yield "", stencils[is_last].filled(piece)
                    continue
                chances = likely_completion(call, [piece], offset)
                yield "", stencils[is_last].filled(piece, chances)
                offset += len(piece)
        if usage:
            # Here the choices come last, and before the model everywhere else (5.4, recorded).
            counts = {"usage": self.usage(reply), "choices": []}
            yield "", self.arranged({**head, **model, **counts})
        yield "", "[DONE]"
