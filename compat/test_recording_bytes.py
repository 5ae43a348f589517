"""Recordings hold what came, byte for byte, and nothing that is secret: without any SDK where each
byte counts, with all of them where credentials are looked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple
from urllib.parse import urlencode

from agents import (
    AGENTS,
    CLAUDE_KEY,
    CREDENTIALS,
    GOOGLE_KEY,
    MODEL,
    OPENAI_KEY,
    PLANTED,
    REQUESTS,
    TOKEN,
)
from conftest import SCRIPT, Answer, controlled
from recorders import Site, fetched, mocks_in, site
from samples import SAMPLES, request_of, wire_of

import mock_server as m

LONG = "Grüße aus 東京 🚀 — two  words,\n\ttabs & <b>. " * 30
# What is issued, and what only tells how the server is, is never forwarded; of what is stored there
# is nothing here, and a picture is where an answer of this server said that it is.
NEVER = ("token", "metadata", "server", "stored")
# Dialects that are called as a provider is, which is the one that would be recorded.
NAMESAKES = ("/gemini/", "/ollama/", "/bedrock/")
ZIPPED = {"Accept-Encoding": "gzip", "X-Zip": "yes"}
# What is answered to a request that says it takes gzip; everything else is echoed.
MOCKS: List[Any] = [
    {
        "match": {"operation": "generate", "headers": {"x-zip": "yes"}},
        "response": {"text": LONG, "gzip": "always"},
    },
    {"match": {"operation": "generate"}, "response": {"text": LONG, "gzip": "never"}},
    {"match": {"operation": "count_tokens"}, "response": {"usage": {"input_tokens": 31}}},
]


class Sample(NamedTuple):
    """A request of a wire format."""

    name: str
    request: m.Request
    more: Mapping[str, str]  # headers

    def answer(self, url: str) -> Answer:
        """What it is answered at an address."""
        asked = self.request
        target = asked.path + ("?" + urlencode(asked.query) if asked.query else "")
        headers = {"content-type": "application/json", **asked.headers, **self.more}
        return fetched(url, target, asked.body or None, headers, asked.method)


def samples() -> Iterator[Sample]:
    """Whole and streamed ones of every wire format that may be recorded; every other one is
    answered in gzip."""
    codings = cycle(({}, ZIPPED))
    for kind, (_, path, stream_path, _) in SAMPLES.items():
        if wire_of(kind).operation in NEVER or kind is m.OpenAIPicture:
            continue
        if path.startswith(NAMESAKES):
            continue
        more = next(codings)
        yield Sample(kind.__name__, request_of(kind), more)
        if stream_path:
            yield Sample(kind.__name__ + ", streamed", request_of(kind, True), more)


def heard(answer: Answer) -> Tuple[int, str, bytes]:
    """What must be equal; no recording keeps the id of a request, and what no mock of the provider
    answers is not recorded."""
    if answer.status != 200:
        return answer.status, "", b""
    body = re.sub(rb'"req_[0-9a-z]+"', b'"***"', answer.body)
    return answer.status, answer.headers.get("content-type", ""), body


def test_every_wire_format_is_forwarded_and_replayed_byte_for_byte(tmp_path: Path) -> None:
    asked = list(samples())
    with site(tmp_path, MOCKS) as at:
        live = [sample.answer(at.recorder) for sample in asked]
        refused = sum(answer.status != 200 for answer in live)
        assert (at.asked(), len(mocks_in(at.folder))) == (len(asked), len(asked) - refused)
        again = [sample.answer(at.recorder) for sample in asked]
        assert at.asked() == len(asked) + refused
        alone = [sample.answer(at.replayer) for sample in asked]
        direct = [sample.answer(at.upstreams[0]) for sample in asked]
    wrong = {
        sample.name: [heard(one) for one in found]
        for sample, *found in zip(asked, direct, live, again, alone)
        if len({heard(one) for one in found}) > 1
    }
    assert not wrong, "\n".join(f"{name}: {told}" for name, told in wrong.items())


# --- what is secret ---

HIDDEN = "Planted0hidden0key0Planted0hidden"  # that nothing but its place tells
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.Planted0signature0Planted0signature0"


def kept_of(at: Site) -> Dict[str, str]:
    """All that is kept of what was asked, by where it is: files and their names, what is logged
    and counted."""
    kept = {"metrics": fetched(at.recorder, "/__mock__/metrics", method="GET").body.decode()}
    kept["the log"] = at.log.read_text(encoding="utf-8")
    for path in at.folder.rglob("*"):
        name = str(path.relative_to(at.folder))
        kept[f"the name {name}"] = name
        if path.is_file():
            kept[name] = path.read_bytes().decode("utf-8", "replace")
    return kept


def in_journal(at: Site) -> str:
    """What the journal has, but for the bodies, in which clients say what they want."""
    entries = controlled(at.recorder, "/requests?session=*")["requests"]
    for entry in entries:
        for name in ("body", "user", "model"):
            del entry[name]
    return json.dumps(entries)


def assert_is_secret(kept: Mapping[str, str], journal: str) -> None:
    """Nothing that was planted is kept, and no credential is in the journal."""
    assert {where: text for where, text in kept.items() if PLANTED in text.lower()} == {}
    assert [key for key in (*CREDENTIALS, HIDDEN) if key in journal] == []


def test_credentials_of_every_sdk_reach_the_provider_and_nothing_else(tmp_path: Path) -> None:
    with site(tmp_path, MODEL, upstream=["--require-auth"]) as at:
        for name, made in AGENTS.items():
            made(at.recorder).run(f"For {name}.", True)
        at.settled(REQUESTS * len(AGENTS))
        kept, journal = kept_of(at), in_journal(at)
        command = [sys.executable, str(SCRIPT), "--check", "--data", str(at.folder)]
        checked = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert_is_secret(kept, journal)
    assert checked.returncode == 0 and "nothing wrong" in checked.stderr, checked.stderr


# What the client sends beside its credential.
SENT = {
    "Authorization": f"Bearer {HIDDEN}",
    "Cookie": f"session={HIDDEN}; other={JWT}",
    "OpenAI-Organization": "Planted organisation",
    "OpenAI-Project": "Planted project",
    "X-Request-Id": "Planted request",
    "X-Client-Request-Id": "Planted request",
    "Helicone-Auth": f"Bearer {HIDDEN}",
    "cf-aig-authorization": f"Bearer {HIDDEN}",
    "x-portkey-api-key": HIDDEN,
    "x-amz-security-token": HIDDEN,
    "Traceparent": "00-Planted",
    "anthropic-version": "2023-06-01",
}
# What the provider says beside its answer.
TOLD = {
    "set-cookie": [f"_cfuvid={HIDDEN}; path=/", "b=Planted"],
    "openai-organization": "Planted organisation",
    "openai-project": "Planted project",
    "anthropic-organization-id": "Planted organisation",
    "x-request-id": "req_Planted0request0Planted0",
    "request-id": "req_Planted0request0Planted0",
    "apim-request-id": "Planted request",
    "x-amzn-requestid": "Planted request",
    "cf-ray": "Planted-AMS",
    "x-ratelimit-remaining-requests": "58",
    "retry-after": "1",
}
# Keys that look like keys, wherever they stand.
KEYS = (OPENAI_KEY, CLAUDE_KEY, GOOGLE_KEY, TOKEN, JWT, f"Authorization: Bearer {HIDDEN}")
WORDS = "These are: " + ", ".join(KEYS) + ". And call_1234567890abcdef stays."
QUERIES = (f"key={GOOGLE_KEY}", f"api_key={HIDDEN}", f"X-Amz-Signature={HIDDEN}&X-Amz-Date=1")
LEAKING: List[Any] = [
    {
        "match": {"operation": ["generate", "embed", "other"]},
        "response": {
            "text": f"You are {HIDDEN} and said {{{{user}}}}. {WORDS}",
            "headers": TOLD,
            "chunk_size": 5,  # so that every key is cut over several events
        },
    },
]


def leaking(query: str) -> Iterator[Tuple[str, Any]]:
    """Requests, whole and streamed, that have keys in all places; paths and bodies."""
    said = {"content": f"{query} {WORDS}"}
    call = {"name": "f", "arguments": json.dumps({"key": OPENAI_KEY})}
    calls = [{"id": "call_1", "type": "function", "function": call}]
    messages = [
        {"role": "system", **said},
        {"role": "user", **said},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", **said},
    ]
    for stream in (False, True):
        body = {"model": "m", "messages": messages, "stream": stream}
        yield "/v1/chat/completions", {**body, "user": OPENAI_KEY}
        yield (
            "/v1/messages",
            {
                "model": CLAUDE_KEY,  # where a user has mixed them up
                "max_tokens": 9,
                "system": WORDS,
                "messages": [{"role": "user", **said}],
                "stream": stream,
            },
        )
        method = "streamGenerateContent" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": said["content"]}]}]
        yield f"/v1beta/models/gemini-2.5-flash:{method}", {"contents": contents}
        yield (
            "/v1/responses",
            {"model": "m", "instructions": WORDS, "input": said["content"], "stream": stream},
        )


def pieces_in(value: Any) -> Iterator[str]:
    """The texts of an answer or an event, in order."""
    for one in value if isinstance(value, list) else ():
        yield from pieces_in(one)
    for name, one in value.items() if isinstance(value, dict) else ():
        if isinstance(one, str) and name in ("content", "text", "delta"):
            yield one
        else:
            yield from pieces_in(one)


def text_in(answer: Answer) -> str:
    """What an answer says, put together from its events."""
    lines = answer.body.decode().splitlines()
    values = [line[6:] for line in lines if line.startswith("data: {")] or ["\n".join(lines)]
    return "".join(piece for value in values for piece in pieces_in(json.loads(value)))


def test_what_is_secret_is_passed_on_and_never_kept(tmp_path: Path) -> None:
    kept: Dict[str, str] = {}
    with site(tmp_path, LEAKING) as at:
        asked = [(f"{path}?{query}", body) for query in QUERIES for path, body in leaking(query)]
        for path, body in asked:
            live = fetched(at.recorder, path, json.dumps(body).encode(), SENT)
            assert live.status == 200 and HIDDEN in text_in(live), text_in(live)
            assert live.headers["set-cookie"] and live.headers["cf-ray"] == "Planted-AMS"
        assert at.asked() == len(asked)
        for path, body in asked:
            again = fetched(at.replayer, path, json.dumps(body).encode(), SENT)
            assert again.status == 200, again
            assert again.headers["x-ratelimit-remaining-requests"] == "58"
            kept[f"replay of {path}"] = text_in(again) + str(again.headers)
            assert "call_1234567890abcdef" in text_in(again)
        journal = in_journal(at)
        kept.update(kept_of(at))
    assert_is_secret(kept, journal)


def test_agents_whose_answers_have_keys_go_on_from_their_replays(tmp_path: Path) -> None:
    names = ("responses", "anthropic", "gemini", "converse", "cohere", "ollama")
    answer = {"match": {}, "response": {"text": f"You said: {{{{user}}}} {WORDS}", "chunk_size": 5}}
    replays: Dict[str, str] = {}
    with site(tmp_path, [answer]) as at:
        for name in names:
            AGENTS[name](at.recorder).run(WORDS, True)
        at.settled(2 * len(names))
        for name in names:
            events = AGENTS[name](at.replayer).run(WORDS, True)
            replays[name] = "".join(pieces_in(events))
        assert at.asked() == 2 * len(names)
        kept = kept_of(at)
    assert [text for text in (*kept.values(), *replays.values()) if PLANTED in text.lower()] == []
    assert [name for name in names if "And call_1234567890abcdef stays." not in replays[name]] == []
