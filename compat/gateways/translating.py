"""Gateways that translate: LiteLLM's proxy and Portkey's gateway.  A client asks them in OpenAI's
format, and they ask each provider in its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping

from asking import Api, Door
from harness import Gateway, Seen
from translated import NATIVE, by

SEEN_ON = "2026-11-26"
KEY = "sk-gateway"
COMPLETIONS = "/v1/chat/completions"
# LiteLLM is to ask nobody for prices and news.
LOCAL = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS", "POLICY_TEMPLATES")


class Translating(Gateway):
    """It asks providers, each with an API of its own; clients say which one by `apis`."""

    def doors(self, server: str, urls: Any) -> List[Door]:
        """A fallback is a matter of the request."""
        return [Door(server), Door(urls[0]), Door(urls[0])]


def by_model(authorization: str) -> Mapping[str, Api]:
    """How clients ask LiteLLM for each provider: by the name of a model.  Impatient ones say for
    how many seconds they wait."""
    patient = {"authorization": authorization}
    impatient = {**patient, "x-litellm-timeout": "1"}
    names = [name for name in NATIVE if name != "vertex"]
    found = {name: by(COMPLETIONS, name, patient) for name in names}
    found.update({f"impatient {name}": by(COMPLETIONS, name, impatient) for name in names})
    return {**found, "chat": found["openai"], "failover": by(COMPLETIONS, "first", impatient)}


class LiteLLM(Translating):
    """LiteLLM's proxy."""

    name = "litellm"
    program = "litellm"
    config = "litellm.yaml"
    health = "/health/liveliness"
    version_in = r"(\d+\.\d+\.\d+)"
    tested = ("1.108.7", SEEN_ON)
    environment = {
        "LITELLM_MASTER_KEY": KEY,
        **{f"LITELLM_LOCAL_{name}": "True" for name in (*LOCAL, "AUTOROUTER_PRESETS")},
    }
    SEEN: Mapping[str, Seen] = {}

    apis = by_model(f"Bearer {KEY}")

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
    environment = {"NODE_ENV": "production"}
    models = {
        "anthropic": "claude-sonnet-4-5",
        "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gemini": "gemini-2.5-flash",
        "vertex": "gemini-2.5-flash",
        "cohere": "command-a-03-2025",
        "mistral": "mistral-large-latest",
        "ollama": "llama3.2",
    }
    SEEN: Mapping[str, Seen] = {}

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


TRANSLATING = (LiteLLM(), Portkey())
