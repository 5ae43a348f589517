"""Routers of model servers, vLLM's and SGLang's: they hand Chat Completions on to workers, and
write the requests anew.  What they do with two workers is in test_routers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from conftest import free_port
from translated import by
from translating import COMPLETIONS, SEEN_ON, Translating, row, table

ENDS = "what it reads ends cleanly, and so does what it writes"

FIELDS = "it writes fields that model servers have, and OpenAI has not"


class Router(Translating):
    """A router in front of one worker."""

    begins: Sequence[str] = ()
    health = "/readiness"
    providers = ("openai",)
    apis = {name: by(COMPLETIONS, "gpt-4o-mini", {}) for name in ("openai", "chat")}
    lacks = {"failover": "it has one worker", "sessions": "it has one worker"}

    def configured(self, folder: Path, ports: Mapping[str, str]) -> Path:
        """It has options alone."""
        return folder

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """It finds its worker healthy first."""
        options: Dict[str, str] = {
            "--worker-urls": f"http://127.0.0.1:{ports['5001']}",
            "--host": "127.0.0.1",
            "--port": ports["8080"],
            "--prometheus-port": free_port(),
            "--worker-startup-check-interval": "1",
        }
        flags = [word for pair in options.items() for word in pair]
        never = ["--disable-retries", "--disable-circuit-breaker"]
        return [self.found(), *self.begins, *flags, *never]


class VllmRouter(Router):
    """vLLM's router."""

    name = program = "vllm-router"
    tested = ("0.1.17", SEEN_ON)
    ROWS = (
        row("faults: truncate", "openai", "stream: just ends", ENDS),
        row("faults: truncate later", "openai", "just ends", ENDS),
        row("faults: bad_gzip", "openai", "whole", "it asks for no gzip"),
        row("requests: rules that are broken", "openai", "openai/unknown-field", FIELDS),
    )
    SEEN = table(ROWS)


class SglangRouter(Router):
    """SGLang's gateway."""

    name = program = "sglang-router"
    begins = ("launch",)
    tested = ("0.3.2", SEEN_ON)
    ROWS = (
        row("cancellation: stream", "openai", "the server is not told", "it reads on"),
        row("faults: truncate", "openai", "stream: just ends", ENDS),
        row("faults: truncate later", "openai", "just ends", ENDS),
        row("faults: bad_gzip", "openai", "whole", "it asks for no gzip"),
        row("requests: rules that are broken", "openai", "openai/unknown-field", FIELDS),
    )
    SEEN = table(ROWS)
