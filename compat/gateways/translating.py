"""Gateways that translate: LiteLLM's proxy and Portkey's gateway.  A client asks them in OpenAI's
format, and they ask each provider in its own."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from asking import Api, Door
from harness import Gateway, Seen
from translated import NATIVE, by

from mock_server import WIRE_PLANS

SEEN_ON = "2026-11-26"
KEY = "sk-gateway"
COMPLETIONS = "/v1/chat/completions"
# LiteLLM is to ask nobody for prices and news.
LOCAL = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS", "POLICY_TEMPLATES")


class Row(NamedTuple):
    """What a gateway makes of cases of a group, with some providers, and why."""

    group: str
    cases: Sequence[str]
    providers: Sequence[str]  # none if the cases are of no one's
    seen: Seen


def row(cases: str, providers: str, outcome: str, why: str) -> Row:
    """A row: `group: case|case`, and providers in the same way."""
    group, _, names = cases.partition(": ")
    return Row(group, names.split("|"), providers.split("|"), Seen(outcome, why))


def table(rows: Sequence[Row]) -> Dict[str, Seen]:
    """The rows by the names of cases."""
    return {
        f"{one.group}: {case}, {provider}": one.seen
        for one in rows
        for case in one.cases
        for provider in one.providers
    }


LITELLMS = [name for name in NATIVE if name not in ("vertex", "ollama-v1")]
PORTKEYS = [name for name in NATIVE if name not in ("responses", "ollama")]
STATUS = "its exceptions have a status of their own"
MEMBERS = "it undoes the first member of gzip alone"
MADE_UP = "it makes up a finish_reason"
CACHED = "cached tokens are left out"
SPLIT = "it cuts streams at the provider's usual blank line, and reads `data: ` alone"
FRAMES = "a frame that comes in parts may be lost, with all that follows"
CLEANLY = "when the upstream's stream breaks it ends its own cleanly"
LITELLM: Sequence[Row] = (
    row(
        "content: text",
        "cohere",
        "whole: other usage; stream: can't be read",
        "cached_tokens are left out; of a stream it reads lines of bare JSON, not events",
    ),
    row(
        "content: reasoning",
        "cohere",
        "whole: other thoughts; stream: can't be read",
        "thinking is left out",
    ),
    row(
        "content: tools",
        "cohere",
        "whole: other finish, usage; stream: can't be read",
        "finish_reason is stop beside calls",
    ),
    row("errors: authentication", "gemini", "whole: 401, not 400", STATUS),
    row("errors: timeout", "anthropic", "408, not 504", STATUS),
    row("errors: rate_limit", "openai|responses|anthropic", "no retry-after", "it is left out"),
    row(
        "errors: rate_limit",
        "azure",
        "whole: 500, not 429; stream: no retry-after",
        "what comes with gzip it fails to read, and is no 429 then",
    ),
    row("errors: server_error", "bedrock", "503, not 500", STATUS),
    row("errors: overloaded", "gemini", "whole: 500, not 503", STATUS),
    row("errors: overloaded", "anthropic", "500, not 529", STATUS),
    row("errors: content_filter", "cohere", "stream: 500, not 200", "the stream can't be read"),
    row(
        "plans: " + "|".join(name for name in WIRE_PLANS if name != "gzip-members"),
        "cohere",
        "stream: an error",
        "the stream can't be read",
    ),
    row(
        "plans: comments",
        "gemini",
        "stream: nothing",
        "it takes a comment for the beginning of JSON, and waits for the rest",
    ),
    row(
        "plans: gzip-members",
        "openai|azure|anthropic|bedrock|mistral",
        "whole: an error; stream: nothing",
        MEMBERS,
    ),
    row(
        "plans: gzip-members",
        "gemini|ollama",
        "whole: an error; stream: ends as if it were whole",
        MEMBERS,
    ),
    row("plans: gzip-members", "responses|cohere", "an error", MEMBERS),
    row(
        "faults: truncate",
        "openai|azure|gemini|anthropic|bedrock|mistral|ollama",
        "stream: ends as if it were whole",
        MADE_UP,
    ),
    row(
        "faults: truncate later",
        "openai|azure|gemini|anthropic|bedrock|mistral|ollama",
        "ends as if it were whole",
        MADE_UP,
    ),
    row(
        "faults: malformed",
        "responses|gemini|anthropic|mistral|ollama",
        "stream: ends as if it were whole",
        "an event that it can't read is left out",
    ),
    row("faults: drip", "cohere", "stream: an error", "the stream can't be read"),
    row("gates: every word", "cohere", "ends before 'first'", "the stream can't be read"),
    row(
        "cancellation: whole",
        "|".join(LITELLMS),
        "the server is not told",
        "before the answer begins it does not look whether the client is there",
    ),
    row(
        "cancellation: stream",
        "cohere",
        "nothing comes before it leaves",
        "the stream can't be read",
    ),
)
PORTKEY: Sequence[Row] = (
    row(
        "content: text|tools",
        "anthropic",
        "other usage",
        "prompt_tokens leave out what was cached",
    ),
    row("content: text", "gemini|vertex", "other usage", "completion_tokens leave out thoughts"),
    row("content: text", "cohere", "other usage", CACHED),
    row("content: text|tools", "mistral", "whole: other usage", CACHED),
    row("content: text|tools", "ollama-v1", "stream: other usage", "a stream has none"),
    row(
        "content: reasoning",
        "gemini|vertex|anthropic|bedrock|cohere",
        "other thoughts",
        "OpenAI's format has no place for them, so they are left out",
    ),
    row(
        "content: reasoning",
        "mistral",
        "whole: other text, thoughts; stream: can't be read",
        "content stays a list of parts",
    ),
    row(
        "content: tools",
        "gemini|vertex",
        "whole: other finish, usage; stream: other calls, finish, usage",
        "all calls of a stream have index 0; finish_reason is stop beside calls",
    ),
    row(
        "content: tools",
        "cohere",
        "whole: other usage; stream: can't be read",
        "tool_calls of a stream are no list",
    ),
    row("errors: not_found", "azure", "another message", "it reads JSON without its type as HTML"),
    row(
        "errors: in mid-stream",
        "gemini|vertex|bedrock|mistral|ollama-v1",
        "just ends",
        "the event is left out",
    ),
    row(
        "errors: in mid-stream",
        "anthropic",
        "finish_reason is overloaded_error",
        "the message is left out",
    ),
    row("errors: in mid-stream", "cohere", "ends as if it were whole", "finish_reason is stop"),
    row("plans: crlf", "anthropic|cohere|mistral|ollama-v1", "stream: nothing", SPLIT),
    row(
        "plans: cr|comments|no_space",
        "gemini|vertex|anthropic|cohere|mistral|ollama-v1",
        "stream: nothing",
        SPLIT,
    ),
    row("plans: byte", "bedrock", "as directly or stream: nothing or stream: just ends", FRAMES),
    row("faults: drip", "bedrock", "as directly or stream: nothing or stream: just ends", FRAMES),
    row("faults: truncate", "|".join(PORTKEYS), "stream: just ends", "it ends cleanly, too"),
    row("faults: bad_gzip", "|".join(PORTKEYS), "stream: just ends", CLEANLY),
    row(
        "faults: reset later|close later|garbage later|truncate later",
        "|".join(PORTKEYS),
        "just ends",
        CLEANLY,
    ),
    row(
        "faults: malformed",
        "gemini|vertex|anthropic|bedrock|cohere|mistral|ollama-v1",
        "stream: just ends",
        CLEANLY,
    ),
    row(
        "requests: rules that are broken",
        "anthropic",
        "anthropic/beta-header",
        "it names a beta that is over: messages-2023-12-15",
    ),
    row(
        "cancellation: whole|stream",
        "|".join(PORTKEYS),
        "the server is not told",
        "it reads each answer to its end",
    ),
)


class Translating(Gateway):
    """It asks providers, each with an API of its own; clients say which one by `apis`."""

    providers: Sequence[str] = ()
    ROWS: Sequence[Row] = ()

    def doors(self, server: str, urls: Any) -> List[Door]:
        """A fallback is a matter of the request."""
        return [Door(server), Door(urls[0]), Door(urls[0])]


def by_model(authorization: str) -> Mapping[str, Api]:
    """How clients ask LiteLLM for each provider: by the name of a model.  Impatient ones say for
    how many seconds they wait."""
    patient = {"authorization": authorization}
    impatient = {**patient, "x-litellm-timeout": "1"}
    found = {name: by(COMPLETIONS, name, patient) for name in LITELLMS}
    found.update({f"impatient {name}": by(COMPLETIONS, name, impatient) for name in LITELLMS})
    return {**found, "chat": found["openai"], "failover": by(COMPLETIONS, "first", impatient)}


class LiteLLM(Translating):
    """LiteLLM's proxy."""

    name = "litellm"
    program = "litellm"
    config = "litellm.yaml"
    health = "/health/liveliness"
    tested = ("1.108.7", SEEN_ON)
    providers = LITELLMS
    environment = {
        "LITELLM_MASTER_KEY": KEY,
        **{f"LITELLM_LOCAL_{name}": "True" for name in (*LOCAL, "AUTOROUTER_PRESETS")},
    }
    ROWS = LITELLM
    SEEN = table(ROWS)

    apis = by_model(f"Bearer {KEY}")

    def version(self) -> str:
        """As pip knows it: its program takes seconds to say so."""
        return metadata.version("litellm")

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """By its own program."""
        there = ["--host", "127.0.0.1", "--port", ports["8080"]]
        return [self.found(), "--config", str(config), *there]


class Portkey(Translating):
    """Portkey's gateway.  Clients say in a header what it is to do."""

    name = "portkey"
    program = "portkey"
    config = "portkey.json"
    tested = ("1.15.2", SEEN_ON)
    providers = PORTKEYS
    environment = {"NODE_ENV": "production"}
    models = {
        "anthropic": "claude-sonnet-4-5",
        "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gemini": "gemini-2.5-flash",
        "vertex": "gemini-2.5-flash",
        "cohere": "command-a-03-2025",
        "mistral": "mistral-large-latest",
        "ollama-v1": "llama3.2",
    }
    ROWS = PORTKEY
    SEEN = table(ROWS)

    def found(self) -> str:
        """In the folder that PORTKEY names."""
        package = Path(os.environ.get("PORTKEY", ""), "node_modules/@portkey-ai/gateway")
        return str(package) if "PORTKEY" in os.environ and package.exists() else ""

    def version(self) -> str:
        """As its package says."""
        package = Path(self.found(), "package.json").read_text(encoding="utf-8")
        return str(json.loads(package)["version"])

    def by_header(self, configs: Mapping[str, Any]) -> Mapping[str, Api]:
        """How clients ask for each provider: with a part of its configuration."""
        found: Dict[str, Api] = {}
        for name, config in configs.items():
            model = self.models.get(name, "gpt-4o-mini")
            found[name] = self.api(config, model)
            found["impatient " + name] = self.api({**config, "request_timeout": 1000}, model)
        found["failover"] = found["impatient failover"]
        return {**found, "chat": found["openai"]}

    def api(self, config: Any, model: str) -> Api:
        """One of them."""
        told = {"x-portkey-config": json.dumps(config), "authorization": "Bearer k"}
        return by(COMPLETIONS, model, told)

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """By node."""
        self.apis = self.by_header(json.loads(config.read_text(encoding="utf-8")))
        program = str(Path(self.found(), "build/start-server.js"))
        return ["node", program, "--headless", f"--port={ports['8080']}"]
