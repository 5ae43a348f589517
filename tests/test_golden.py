"""The exact bytes of every answer: status line, headers and body, as `curl -i` prints them.

A file of tests/golden/ holds one answer of one format.  Nothing is wiped: ids and times depend on
the request alone.  `python3 -m pytest tests/test_golden.py --refresh-golden` writes the files
anew.
"""

from __future__ import annotations

import difflib
import json
import re
import types
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import pytest
from samples import (
    COUNTS,
    EMBEDS,
    FORMS,
    GEMINI,
    GENERATE,
    NEUTRAL,
    RERANKS,
    SAMPLES,
    STREAMED,
    USAGE,
    VERTEX,
    VERTEX_CLAUDE,
    answerer,
    bytes_of,
    expressible,
    request_of,
    wire_of,
    with_blocks,
)
from wrong_bodies import WRONG_BODIES

import mock_server as m

GOLDEN = Path(__file__).resolve().parent / "golden"
WHOLE = (False,)
STREAM = (True,)
BOTH = (False, True)


@dataclass(frozen=True)
class Form:
    """What is asked and what the mock answers; what is not said is as in the table of samples."""

    response: Any = None
    more: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    method: str = ""
    path: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    streams: Tuple[bool, ...] = BOTH
    created: Any = None  # the request that made the response that is asked for
    polls: int = 0  # of it, before

    def request(self, kind: type, stream: bool) -> m.Request:
        """The request that asks a format for this form."""
        found = request_of(kind, stream, self.more, self.query, self.headers, self.body)
        path = self.path or found.path
        return m.replace(found, method=self.method or found.method, path=path)

    def answer(self, kind: type, stream: bool) -> bytes:
        """The answer with its head, as it stands in a golden file."""
        mocks: List[Any] = []
        if self.response is not None:
            operation = wire_of(kind).operation
            mocks = [{"name": "golden", "match": {"operation": operation}, **self.response}]
        answers = answerer(*mocks, **self.settings)
        asked = self.request(kind, stream)
        if self.created:
            asked = asked_for(answers, asked, self.created, self.polls)
        response = answers.answer(asked).response
        head = m.head_bytes(response.status, response.headers)
        return head + b"\r\n" + bytes_of(response)


def asked_for(answers: m.Answerer, asked: m.Request, created: Any, polls: int) -> m.Request:
    """A request about a response that is created, and polled so often, before."""
    base = asked.path.partition("/resp_1")[0]
    made = answers.answer(m.Request("POST", base, body=json.dumps(created).encode())).response
    path = f"{base}/{json.loads(made.body)['id']}"
    for _ in range(polls):
        answers.answer(m.Request("GET", path))
    return m.replace(asked, path=asked.path.replace(f"{base}/resp_1", path))


def said(response: Any, more: Any = None, **rest: Any) -> Form:
    """A form that a mock answers."""
    return Form({"response": response}, more or {}, **rest)


def echoed(more: Any = None, **rest: Any) -> Form:
    """A form that is answered from the request, without a mock."""
    return Form(None, more or {}, settings={"fallback": "echo"}, **rest)


# --- What every format is asked ---

SAID = (
    "text",
    "empty",
    "reasoning",
    "refusal",
    "tool",
    "tools",
    "all",
    "parts",
    "length",
    "filter",
    "chunks",
    "nothing",
    "empty parts",
    "object",
    "id",
    "usage",
)
EVERYTHING: Dict[str, Any] = {"message": "mine", "type": "a_type", "code": "a_code", "param": "p"}
ERRORS = {
    **{kind: {"error": {"kind": kind}} for kind in m.ERROR_KINDS},
    "with a message": {"error": {"kind": "rate_limit", "message": "slow down"}},
    "with everything": {"status": 409, "error": EVERYTHING},
    "with headers": {"status": 429, "headers": {"Retry-After": "7", "X-Mine": "é"}},
    "bare status": {"status": 410},
}
POSTED = {
    "no body": Form(body=b""),
    "cut body": Form(body=b'{"a":'),
    "no object": Form(body=b"[1, 2]"),
    "no utf8": Form(body=b'{"a": "\xc3"}'),
}
KEYLESS = {
    "no key": Form(settings={"require_auth": True}),
    "unusable key": Form(headers={"authorization": "Basic k"}, settings={"require_auth": True}),
}
BROKEN = {"text": "one two three four", "error": {"kind": "overloaded"}, "after_events": 2}
RECORDED = {"body": {"a": [1, "ü"], "b": {}}, "events": [{"a": 1}, {"type": "x", "b": "ü"}]}
NEAR = {"name": "near", "match": {"user": "Ho"}, "response": {"text": "x"}}


def common_forms(kind: type) -> Dict[str, Form]:
    """The forms that a format is asked because of what it can do."""
    found: Dict[str, Form] = {}
    if kind in GENERATE:
        found.update({form: said(FORMS[form]) for form in SAID if expressible(kind, form)})
        found["echo"] = echoed()
        found["broken"] = said(BROKEN, streams=STREAM)
        found["near miss"] = Form(NEAR)
    if kind in STREAMED:
        found["recorded"] = said(RECORDED)
    for name, response in ERRORS.items():
        streams = BOTH if name in ("overloaded", "content_filter") else WHOLE
        if kind in GENERATE or name in ("authentication", "not_found", "rate_limit"):
            found["error " + name] = said(response, streams=streams)
    if kind in EMBEDS:
        found["vector"] = said({"embedding": [0.25, -0.5, 1.0], "usage": USAGE})
    if kind in RERANKS:
        found["scores"] = said({"scores": [0.25, 0.75], "usage": USAGE})
        found["echo"] = echoed()
    if kind in COUNTS:
        found["count"] = said({"usage": {"input_tokens": 1234}})
        found["echo"] = echoed()
    if wire_of(kind).operation == "stored":
        found["unknown id"] = Form()
        found["not stored"] = Form(created={**CREATED, "store": False}, settings=ECHO)
    elif SAMPLES[kind][0] == "POST":
        found.update({name: replace(form, streams=WHOLE) for name, form in POSTED.items()})
        found["no mock"] = Form()
    else:
        found["list"] = Form()
    found.update({name: replace(form, streams=WHOLE) for name, form in KEYLESS.items()})
    return found


def anything(kind: type) -> Any:
    """A response that an API can give."""
    if kind in RERANKS:
        return {"scores": [0.5]}
    if not wire_of(kind).speaks:
        return {"body": {}}
    return {"embedding": [0.5]} if kind in EMBEDS else {"text": "x"}


def wrong_forms(kind: type) -> Dict[str, Form]:
    """The forms that a format refuses, by the field that is wrong."""
    found: Dict[str, Form] = {}
    for owner, more, name in WRONG_BODIES:
        if owner is kind:
            plain = re.sub(r"\[(\d+)\]", r".\1", name)
            again = sum(known.startswith(f"wrong {plain} ") for known in found) + 1
            found[f"wrong {plain} {again}"] = said(anything(kind), more, streams=WHOLE)
    return found


# --- What only some are asked ---

REFERENCE = {"type": "reference", "reference_ids": [1]}

N = {"n": 2}
CANDIDATES = {"generationConfig": {"candidateCount": 2}}
COUNTED = {"stream_options": {"include_usage": True}}
BARE = {"stream_options": {"include_obfuscation": False}}
SURE = {"logprobs": True, "top_logprobs": 2}
TOOLS = [{"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "g"}]
OPENAI_CHAT = {
    "two choices": said(FORMS["tool"], N),
    "usage asked for": said(NEUTRAL, COUNTED, streams=STREAM),
    "no obfuscation": said(NEUTRAL, BARE, streams=STREAM),
    "logprobs": said(NEUTRAL, SURE),
    "extra": said({**NEUTRAL, "extra": {"usage": {"queue_time": 1}, "x_groq": {"id": 2}}}),
    "hidden reasoning": said({**FORMS["usage"], "reasoning": "Hm."}),
}
REASONERS = {"reasoning model": said(NEUTRAL, {"model": "gpt-5-mini"})}
COMPLETIONS = {
    "two choices": said(NEUTRAL, N),
    "two prompts": said(NEUTRAL, {"prompt": ["a", "b"]}),
    "usage asked for": said(NEUTRAL, COUNTED, streams=STREAM),
    "logprobs": said(NEUTRAL, {"prompt": ["ab", "c"], "logprobs": 1}),
}
GOOGLE = {
    "echo with a picture": echoed({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
    "echo of a picture": echoed(
        {"generation_config": {"response_modalities": ["IMAGE"]}}, streams=WHOLE
    ),
    "blocks": said(with_blocks(m.GeminiGenerate)),
    "no content": said({"finish_reason": "MALFORMED_FUNCTION_CALL"}),
    "two candidates": said(FORMS["tool"], CANDIDATES),
    "logprobs": said(
        {"reasoning": "Hm.", **NEUTRAL},
        {"generationConfig": {"responseLogprobs": True, "logprobs": 2}},
    ),
    "array": said(FORMS["tool"], query={"alt": "json"}, streams=STREAM),
    "array error": said({"status": 503}, query={"alt": "json"}, streams=STREAM),
    "array no key": replace(KEYLESS["no key"], query={"alt": "json"}, streams=STREAM),
    "array broken": said(BROKEN, query={"alt": "json"}, streams=STREAM),
    "array wrong": said({"text": "x"}, {"contents": []}, query={"alt": "json"}, streams=STREAM),
}
CITED: Dict[str, Any] = {"type": "url_citation", "url": "https://a.test", "title": "A"}
SAYING: Dict[str, Any] = {"type": "output_text", "text": "As said", "annotations": [CITED]}
ITEMS: List[Dict[str, Any]] = [
    {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}},
    {"type": "image_generation_call", "status": "completed", "result": "iVBO"},
    {"id": "msg_1", "type": "message", "status": "completed", "content": [SAYING]},
]
RESPONSES = {
    "encrypted": said(FORMS["reasoning"], {"include": ["reasoning.encrypted_content"]}),
    "no obfuscation": said(NEUTRAL, BARE, streams=STREAM),
    "settings": said(
        NEUTRAL,
        {
            "tools": TOOLS,
            "temperature": 0.5,
            "metadata": {"k": "v"},
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
            "previous_response_id": "resp_1",
        },
    ),
    "broken at the start": said({**BROKEN, "after_events": 0}, streams=STREAM),
    "custom tool": said({"tool_calls": [{"name": "g", "arguments": "1 + 1"}]}, {"tools": TOOLS}),
    "own items": said({"parts": [{"block": item} for item in ITEMS]}),
    "failed": said({**NEUTRAL, "finish_reason": "failed"}),
    "background": said(NEUTRAL, {"background": True}),
    "not to be stored": said(NEUTRAL, {"background": True, "store": False}, streams=WHOLE),
    "logprobs": said(NEUTRAL, {"include": ["message.output_text.logprobs"], "top_logprobs": 1}),
    "echoes": said(
        NEUTRAL,
        {
            "conversation": "conv_1",
            "prompt": {"id": "pmpt_1", "variables": {"city": "Oslo"}},
            "prompt_cache_options": {"ttl": "12h"},
            "service_tier": "flex",
            "top_logprobs": 3,
        },
    ),
}
WRITTEN = {
    "input_tokens": 9,
    "output_tokens": 2,
    "cached_tokens": 3,
    "cache_write_tokens": 4,
}
CACHED = said({"text": "x", "usage": WRITTEN})
MANAGED = {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}
TIMED_OUT = said({**BROKEN, "error": {"kind": "timeout"}}, streams=STREAM)
LIKELY = said(NEUTRAL, {"logprobs": True, "top_logprobs": 1})
CLAUDE = {
    "managed context": said(NEUTRAL, MANAGED),
    "blocks": said({**with_blocks(m.AnthropicMessages), "finish_reason": "pause_turn"}),
    "written to a cache": CACHED,
    "thread": said({"text": "x"}, {"thread": {"type": "continue"}}, streams=WHOLE),
    "cached": said(
        {"text": "x", "usage": {"input_tokens": 9, "output_tokens": 2, "cached_tokens": 4}}
    ),
}
EMBEDDED = {
    "two inputs": said({"embedding": [[1, 2], [0.5, -1]]}, {"input": ["a", "b"]}),
    "base64": said({"embedding": [0.25, -0.5, 1.0]}, {"encoding_format": "base64"}),
    "echo of 4": echoed({"dimensions": 4}),
    "recorded as floats": said({"body": {"data": [{"embedding": "AACAPgAAAL8AAIA/"}]}}),
    "recorded as base64": said(
        {"body": {"data": [{"embedding": [0.5]}]}}, {"encoding_format": "base64"}
    ),
}
FLAGGED = {
    "fine": said({"text": "fine"}),
    "flagged": said({"refusal": "no"}),
    "several": said({"text": "fine"}, {"input": ["a", "b"]}),
    "echo": echoed(),
}
MASKED = {
    "sensitiveInformationPolicy": {
        "piiEntities": [
            {"match": "a@b.c", "type": "EMAIL", "action": "ANONYMIZED", "detected": True}
        ],
        "regexes": [],
    }
}
VERDICTS = {
    "fine": said({"text": "fine"}),
    "flagged": said({"refusal": "Not this."}),
    "filter": said({"finish_reason": "content_filter"}),
    "echo": echoed(),
}
GUARDRAIL = {
    **VERDICTS,
    "masked": said({"parts": [{"block": MASKED}, {"text": "Write to {EMAIL}"}]}),
    "all of it": said({"text": "fine"}, {"outputScope": "FULL"}),
    "all that was flagged": said({"refusal": "Not this."}, {"outputScope": "FULL"}),
}
CHECKED = {
    "checks": {
        "contentFilter": {"categories": [{"category": "HATE"}, {"category": "SEXUAL"}]},
        "promptAttack": {"categories": [{"category": "JAILBREAK"}]},
        "sensitiveInformation": {"entities": [{"type": "EMAIL"}]},
    }
}
LISTED = {"blocklistName": "l", "blocklistItemId": "i", "blocklistItemText": "Hi"}
JAILBREAK = {"pi_and_jailbreak": {"piAndJailbreakFilterResult": {"matchState": "MATCH_FOUND"}}}
CHATTED = {"messages": [{"role": "user", "content": "Grüße"}], "return_token_strs": True}
PICTURES = {
    "text": said(FORMS["text"]),
    "nothing": said({"finish_reason": "stop"}),
    "usage": said({"usage": USAGE}),
    "looks": said(
        NEUTRAL,
        {
            "n": 2,
            "partial_images": 1,
            "size": "1536x1024",
            "quality": "high",
            "background": "transparent",
            "output_format": "webp",
        },
    ),
    "extra": said({**NEUTRAL, "extra": {"created": 1, "usage": {"new": 1}, "new": 2}}),
    "broken": said({**BROKEN, "after_events": 1}, streams=STREAM),
    "blocked": said({"error": {"kind": "content_filter"}}),
    "echo": echoed(),
}
ELSEWHERE = {  # models of others than OpenAI
    "url": said(NEUTRAL, {"model": "dall-e-3", "n": 2}, streams=WHOLE),
    "base64": said(NEUTRAL, {"model": "flux", "response_format": "b64_json"}, streams=WHOLE),
    "echo of its prompt": echoed({"model": "flux"}, streams=WHOLE),
}
IMAGENS = {
    "text": said(FORMS["text"]),
    "samples": said(
        {"text": ""},
        {"parameters": {"sampleCount": 2, "outputOptions": {"mimeType": "image/jpeg"}}},
    ),
    "filter": said({"finish_reason": "content_filter"}),
    "blocked": said({"error": {"kind": "content_filter"}}),
    "echo": echoed(),
}
SPOKEN = {
    "spoken": said({"text": "Hi you", "usage": USAGE}),
    **{
        name: said({"text": "Hi"}, {"response_format": name}, streams=WHOLE)
        for name in ("opus", "aac", "flac", "wav")
    },
    "echo": echoed(streams=WHOLE),
    "broken": said(BROKEN, streams=STREAM),
}
HEARD = {
    name: said({**NEUTRAL, "text": "One two. Three?"}, {"response_format": name}, streams=WHOLE)
    for name in ("json", "text", "srt", "vtt", "verbose_json")
}
DIARIZED = {"response_format": "diarized_json", "known_speaker_names[]": "Ann"}
HEARD_MORE = {
    **HEARD,
    "streamed": said(NEUTRAL, streams=STREAM),
    "diarized": said({"text": "One. Two."}, DIARIZED),
    "whisper": said(NEUTRAL, {"model": "whisper-1"}),
    "words": said(
        NEUTRAL,
        {"response_format": "verbose_json", "timestamp_granularities[]": "word", "language": "de"},
        streams=WHOLE,
    ),
    "logprobs": said(NEUTRAL, {"include[]": "logprobs"}),
    "extra": said({**NEUTRAL, "extra": {"usage": {"mine": 1}, "languages": []}}),
    "echo": echoed(),
    "broken": said(BROKEN, streams=STREAM),
}
SCORED = {"scores": [0.25, 0.75]}
CUT = {"cut": said(SCORED, {"top_n": 1})}
PAGES = {
    "page": Form(query={"pageSize": "2"}),
    "last page": Form(query={"pageSize": "2", "pageToken": "2"}),
    "wrong page": Form(query={"pageSize": "x"}),
}


def one(path: str) -> Dict[str, Form]:
    """A model by its name."""
    return {"one": Form(path=path)}


ASKED: Dict[type, Dict[str, Form]] = {
    m.OpenAIChat: {
        **OPENAI_CHAT,
        **REASONERS,
        "unknown path": Form(path="/v1/chat/completons", streams=WHOLE),
        "nothing like it": Form(path="/nothing/like/it", streams=WHOLE),
        "wrong method": Form(method="GET", streams=WHOLE),
        "model missing": said(
            {"text": "x"}, body={"messages": [{"role": "user", "content": "Hi"}]}, streams=WHOLE
        ),
        "front door": said(
            {"status": 404, "error": {"message": "gone", "code": "model_not_found"}}, streams=WHOLE
        ),
        "custom tool": said(
            {"tool_calls": [{"name": "g", "arguments": {"input": "x"}}]},
            {"tools": [{"type": "custom", "custom": {"name": "g"}}]},
        ),
        "older function": said(FORMS["tool"], {"functions": [{"name": "get_weather"}]}),
    },
    m.OpenAICompletions: COMPLETIONS,
    m.OpenAIEmbeddings: EMBEDDED,
    m.OpenAISpeech: SPOKEN,
    m.OpenAITranscriptions: HEARD_MORE,
    m.OpenAITranslations: {**HEARD, "echo": echoed()},
    m.OpenAIModerations: FLAGGED,
    m.OpenAIImages: {**PICTURES, **ELSEWHERE},
    m.OpenAIImageEdits: {
        **PICTURES,
        **ELSEWHERE,
        "no form": Form(headers={"content-type": "application/json"}, streams=WHOLE),
        "no image": said(NEUTRAL, body={"prompt": "Hi"}, streams=WHOLE),
    },
    m.AzureImages: {**PICTURES, "url": said(NEUTRAL, {"response_format": "url"}, streams=WHOLE)},
    m.AzureImageEdits: PICTURES,
    m.GeminiImagen: IMAGENS,
    m.VertexImagen: IMAGENS,
    m.OpenAIModels: {**one("/v1/models/any"), "wrong method": Form(method="POST")},
    m.AzureChat: {
        **OPENAI_CHAT,
        "reasoning deployment": said(
            NEUTRAL, path="/openai/deployments/gpt-5-mini/chat/completions"
        ),
        "unknown path": Form(path="/openai/deployments/d/chat/completion", streams=WHOLE),
    },
    m.AzureCompletions: COMPLETIONS,
    m.AzureEmbeddings: EMBEDDED,
    m.AzureSpeech: {"spoken": SPOKEN["spoken"]},
    m.AzureTranscriptions: {"streamed": HEARD_MORE["streamed"], **HEARD},
    m.AzureTranslations: {"json": HEARD["json"]},
    m.AzureModerations: FLAGGED,
    m.AzureModels: one("/openai/v1/models/any"),
    m.GeminiGenerate: {
        **GOOGLE,
        "gemini 3": said(
            FORMS["all"], path=GEMINI.replace("2.5", "3") + ":generateContent", streams=WHOLE
        ),
        "gemini 3 stream": said(
            FORMS["all"], path=GEMINI.replace("2.5", "3") + ":streamGenerateContent", streams=STREAM
        ),
        "gemini 3.6": said(
            FORMS["tool"], path=GEMINI.replace("2.5", "3.6") + ":generateContent", streams=WHOLE
        ),
        "gemini 3.6 stream": said(
            FORMS["tool"],
            path=GEMINI.replace("2.5", "3.6") + ":streamGenerateContent",
            streams=STREAM,
        ),
        "gemini 3 text": said(
            NEUTRAL, path=GEMINI.replace("2.5", "3") + ":generateContent", streams=WHOLE
        ),
        "gemini 3 text stream": said(
            NEUTRAL, path=GEMINI.replace("2.5", "3") + ":streamGenerateContent", streams=STREAM
        ),
        "unknown path": Form(path="/v1beta/models/g:generateContents", streams=WHOLE),
    },
    m.GeminiModels: {**one("/v1beta/models/any"), **PAGES},
    m.VertexGenerate: {
        **GOOGLE,
        "gemini 1.5": said(
            NEUTRAL,
            path=VERTEX.replace("gemini-2.5-flash", "gemini-1.5-flash-001") + ":generateContent",
            streams=WHOLE,
        ),
        "gemini 3.6": said(
            FORMS["tool"], path=VERTEX.replace("2.5", "3.6") + ":generateContent", streams=WHOLE
        ),
        "project location": said(
            NEUTRAL, path="/v1/projects/p/locations/l/endpoints/123:generateContent", streams=WHOLE
        ),
    },
    m.VertexPredict: {
        "two inputs": said(
            {"embedding": [[1, 2], [3]]}, {"instances": [{"content": "a"}, {"content": "b"}]}
        )
    },
    m.VertexModels: {**one("/v1/projects/p/locations/l/publishers/google/models/any"), **PAGES},
    m.OpenAIResponses: {
        **RESPONSES,
        **REASONERS,
        "unknown path": Form(path="/v1/respones", streams=WHOLE),
    },
    m.AzureResponses: RESPONSES,
    m.GeminiChat: OPENAI_CHAT,
    m.GeminiOpenAIEmbeddings: EMBEDDED,
    m.GeminiOpenAIModels: one("/v1beta/openai/models/any"),
    m.VertexChat: OPENAI_CHAT,
    m.VertexOpenAIEmbeddings: EMBEDDED,
    m.MistralChat: {
        "two choices": said(FORMS["tool"], N),
        "reference": said({"parts": [{"text": "As said"}, {"block": REFERENCE}]}),
        "logprobs": said(NEUTRAL, {"logprobs": True, "top_logprobs": 1, "n": 2}),
        "written to a cache": CACHED,
    },
    m.MistralResponses: {
        "settings": said(
            FORMS["reasoning"],
            {
                "tools": [{"type": "function", "name": "f", "parameters": {}}],
                "reasoning": {"effort": "low", "summary": "auto"},
                "user": "me",
            },
        ),
        "failed": RESPONSES["failed"],
        "stored": said(NEUTRAL, {"store": True}, streams=WHOLE),
        "hosted tool": said(NEUTRAL, {"tools": [{"type": "web_search"}]}, streams=WHOLE),
    },
    m.MistralModerations: FLAGGED,
    m.MistralChatModerations: {"flagged": FLAGGED["flagged"], "echo": echoed()},
    m.MistralClassifications: {"several": FLAGGED["several"]},
    m.MistralSpeech: {
        "spoken": said({"text": "Hi"}, {"response_format": "wav"}),
        "streamed": said({"text": "Hi there"}, {"response_format": "pcm"}, streams=STREAM),
    },
    m.MistralTranscriptions: {
        "timed": said(
            {"text": "Hello there. How are you?", "usage": USAGE},
            {"language": "en", "diarize": "true", "timestamp_granularities": "segment"},
        ),
        "elsewhere": said(
            NEUTRAL, body={"model": "v", "file_url": "https://e.com/a.mp3"}, streams=WHOLE
        ),
        "nothing to hear": said(NEUTRAL, body={"model": "v"}, streams=WHOLE),
        "unknown granularity": said(
            NEUTRAL, {"timestamp_granularities": ["segment", "page"]}, streams=WHOLE
        ),
        "broken": said(BROKEN, streams=STREAM),
    },
    m.MistralOCR: {
        "annotated": said(
            {"text": "{}"}, {"document_annotation_format": {"type": "json_object"}, "pages": [2]}
        ),
        "nothing to read": said({"text": "x"}, {"document": {}}, streams=WHOLE),
    },
    m.VertexMistral: {"two choices": said(FORMS["tool"], N)},
    m.VertexFIM: {"two choices": said(NEUTRAL, N)},
    m.VertexOpenModels: {
        "two choices": said(FORMS["tool"], N),
        "usage asked for": said(NEUTRAL, COUNTED, streams=STREAM),
        "endpoint": said(NEUTRAL, path="/v1/projects/p/locations/l/endpoints/1:rawPredict"),
    },
    m.MistralFIM: {"two choices": said(NEUTRAL, N)},
    m.MistralEmbeddings: {
        **EMBEDDED,
        "int8": said({"embedding": [0.25, -0.5]}, {"output_dtype": "int8"}),
    },
    m.MistralModels: one("/v1/models/any"),
    m.OpenRouterModels: one("/openrouter/v1/models/any"),
    m.AnthropicMessages: {**CLAUDE, "unknown path": Form(path="/v1/message", streams=WHOLE)},
    m.AnthropicCountTokens: {"managed context": said({"usage": {"input_tokens": 9}}, MANAGED)},
    m.AnthropicModels: one("/v1/models/any"),
    m.VertexMessages: {
        **CLAUDE,
        "unknown path": Form(path=VERTEX_CLAUDE + ":rawPredicts", streams=WHOLE),
    },
    m.BedrockConverse: {
        "blocks": said(with_blocks(m.BedrockConverse)),
        "written to a cache": CACHED,
        "timed out": TIMED_OUT,
        "unknown path": Form(path="/model/m/convers", streams=WHOLE),
        "recorded events": said({"events": [{"role": "assistant"}, {"a": 1}]}, streams=STREAM),
    },
    m.BedrockNova: {"written to a cache": CACHED},
    m.BedrockClaude: {**CLAUDE, "timed out": TIMED_OUT},
    m.BedrockCohereEmbed: {
        "two inputs": said({"embedding": [[1, 2], [0.5, -1]]}, {"texts": ["a", "b"]}),
        "types": said({"embedding": [0.25, -0.5]}, {"embedding_types": ["float", "int8"]}),
    },
    m.GeminiEmbed: {"echo of 4": echoed({"outputDimensionality": 4})},
    m.GeminiBatchEmbed: {
        "echo of 4": echoed(
            {"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4}]}
        )
    },
    m.VertexEmbed: {"echo of 4": echoed({"outputDimensionality": 4})},
    m.BedrockTitanEmbed: {"echo of 4": echoed({"dimensions": 4})},
    m.CohereChat: {
        "blocks": said({**with_blocks(m.CohereChat), "finish_reason": "ERROR_TOXIC"}),
        "logprobs": LIKELY,
        "unknown path": Form(path="/v2/chatt", streams=WHOLE),
    },
    m.CohereEmbed: {
        name: said({"embedding": [0.25, -0.5, 1.0, 0, 0, 0, 0, -1, 1]}, {"embedding_types": [name]})
        for name in ("float", "base64", "int8", "uint8", "binary", "ubinary")
    },
    m.CohereRerank: CUT,
    m.CohereRerankV1: {**CUT, "documents": said(SCORED, {"return_documents": True})},
    m.VllmRerank: {
        **CUT,
        "no documents": said(SCORED, {"return_documents": False}),
        "wrong query": said(SCORED, {"query": 3}, streams=WHOLE),
        "unknown path": Form(path="/v1/rerankk", streams=WHOLE),
    },
    m.JinaRerank: {
        **CUT,
        "documents": said(SCORED, {"return_documents": True}),
        "wrong query": said(SCORED, {"query": 3}, streams=WHOLE),
    },
    m.VoyageRerank: {
        "documents": said(SCORED, {"return_documents": True, "top_k": 1}),
        "wrong query": said(SCORED, {"query": 3}, streams=WHOLE),
    },
    m.VertexRank: {"no details": said(SCORED, {"topN": 1, "ignoreRecordDetailsInResponse": True})},
    m.OllamaChat: {
        "go escapes": said(
            {"text": "<a&b>\u2028", "usage": {"input_tokens": 0, "output_tokens": 0}}
        ),
        "load": said({"finish_reason": "load"}),
        "logprobs": LIKELY,
        "logprobs alone": said({**FORMS["tool"], "text": "Hello"}, {"logprobs": True}),
        "logprobs of nothing": said(FORMS["tool"], {"logprobs": True}),
        "streamed by default": said(
            NEUTRAL, body={"model": "llama3.2", "messages": []}, streams=WHOLE
        ),
        "unknown path": Form(path="/api/chats", streams=WHOLE),
    },
    m.BedrockGuardrail: GUARDRAIL,
    m.BedrockGuardrailChecks: {**VERDICTS, "all checks": said({"refusal": "No."}, CHECKED)},
    m.SafetyAnalyze: {
        **VERDICTS,
        "blocklist": said({"parts": [{"block": LISTED}]}),
        "two harms": said({"refusal": "No."}, {"categories": ["Violence", "Hate"]}),
    },
    m.SafetyShield: VERDICTS,
    m.SafetyJailbreak: VERDICTS,
    m.ArmorPrompt: {**VERDICTS, "jailbreak": said({"parts": [{"block": JAILBREAK}]})},
    m.ArmorAnswer: VERDICTS,
    m.OllamaShow: {
        "older name": Form(body={"name": "nomic-embed-text"}),
        "unknown": said({"status": 404}),
    },
    m.Tokenize: {
        "messages": Form(body=CHATTED),
        "both at the end": Form(body={**CHATTED, "continue_final_message": True}),
        "wrong method": Form(method="GET"),
    },
    m.ServerHealth: {"no worker": said({"status": 503})},
    m.OllamaGenerate: {"logprobs": LIKELY},
    m.OllamaEmbed: {"two inputs": said({"embedding": [[1, 2], [0.5, -1]]}, {"input": ["a", "b"]})},
}


CREATED: Dict[str, Any] = {
    "model": "gpt-5-mini",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": "Hi"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "12 degrees"},
        {"role": "assistant", "content": "It is cold."},
        {"id": "msg_mine", "role": "user", "content": [{"type": "input_text", "text": "Ho"}]},
    ],
}
ECHO = {"fallback": "echo"}
BEHIND = {**CREATED, "background": True}
REPLAYED = {"stream": "true", "starting_after": "3"}


def of_stored(created: Any = CREATED, polls: int = 0, **query: str) -> Form:
    """A form that asks for what was created before."""
    return Form(created=created, polls=polls, query=query, settings=ECHO)


RETRIEVED = {
    "completed": of_stored(),
    "in progress": of_stored(BEHIND),
    "at last": of_stored(BEHIND, 1),
    "streamed": of_stored(stream="true"),
    "streamed behind": of_stored(BEHIND, **REPLAYED),
    "seen all": of_stored(stream="true", starting_after="99"),
    "wrong start": of_stored(starting_after="x"),
}
CANCELLED = {"in time": of_stored(BEHIND), "late": of_stored(BEHIND, 2), "never": of_stored()}
LISTED = {
    "items": of_stored(),
    "all before": of_stored(order="asc", before="msg_mine"),
    "wrong place": of_stored(after="msg_none"),
    "page": of_stored(order="desc", limit="2", after="msg_mine"),
    "wrong limit": of_stored(limit="101"),
    "wrong order": of_stored(order="up"),
}
COMPACTED = {"of much": said({"text": "ü"}, {"input": CREATED["input"]})}
ASKED.update(
    {
        m.OpenAIRetrieve: RETRIEVED,
        m.AzureRetrieve: RETRIEVED,
        m.OpenAICancel: CANCELLED,
        m.AzureCancel: CANCELLED,
        m.OpenAIDelete: {"deleted": of_stored()},
        m.AzureDelete: {"deleted": of_stored()},
        m.OpenAIInputItems: LISTED,
        m.AzureInputItems: LISTED,
        m.OpenAICompact: COMPACTED,
        m.AzureCompact: COMPACTED,
    }
)


def forms_of(kind: type) -> Dict[str, Form]:
    """Every form of a format, by name."""
    return {**common_forms(kind), **wrong_forms(kind), **ASKED.get(kind, {})}


def answers_of(kind: type) -> Dict[str, bytes]:
    """What the golden files of a format are to hold, by the name of the file."""
    found = {}
    for name, form in forms_of(kind).items():
        for stream in form.streams:
            if not stream or SAMPLES[kind][2]:
                ending = ("whole", "stream")[stream]
                found[f"{name.replace(' ', '-')}.{ending}.http"] = form.answer(kind, stream)
    return found


def difference(name: str, expected: bytes, found: bytes) -> str:
    """The first lines of a diff of two answers."""
    lines = difflib.unified_diff(
        expected.decode("latin-1").splitlines(),
        found.decode("latin-1").splitlines(),
        name,
        "now",
        lineterm="",
        n=1,
    )
    return "\n".join(line[:300] for line in list(lines)[:12])


def refresh(folder: Path, answers: Mapping[str, bytes]) -> None:
    """Write the files of a format, and remove those of forms that are no more."""
    folder.mkdir(exist_ok=True)
    for known in folder.iterdir():
        if known.name not in answers:
            known.unlink()
    for name, answer in answers.items():
        (folder / name).write_bytes(answer)


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_answer_is_the_golden_one_byte_for_byte(
    kind: type, request: pytest.FixtureRequest
) -> None:
    folder, answers = GOLDEN / kind.__name__, answers_of(kind)
    if request.config.getoption("--refresh-golden"):
        refresh(folder, answers)
    golden = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(golden) == sorted(answers)
    wrong = [name for name in golden if golden[name] != answers[name]]
    shown = [difference(name, golden[name], answers[name]) for name in wrong[:10]]
    assert not wrong, f"{len(wrong)} of {len(golden)} differ\n" + "\n".join(shown)


def test_no_golden_file_belongs_to_no_format() -> None:
    folders = {path.name for path in GOLDEN.iterdir() if path.is_dir()}
    assert folders == {kind.__name__ for kind in SAMPLES}


def test_golden_files_are_not_written_in_ci(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = request.config.pluginmanager.get_plugins()
    path = str(GOLDEN.parent / "conftest.py")
    conftest: Any = next(one for one in plugins if getattr(one, "__file__", "") == path)
    asked = types.SimpleNamespace(getoption=lambda name: True)
    monkeypatch.delenv("CI", raising=False)
    conftest.pytest_configure(asked)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError):
        conftest.pytest_configure(asked)
