"""The mock servers of others: where they come from, and the same mocks in each one's own words."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from contenders import APART, PATH, QUESTIONS, SIZES, TEXTS, Contender, unasked


@dataclass(frozen=True)
class Source:
    """Where a server comes from."""

    name: str
    how: Tuple[str, ...]  # the command that installs it into a directory, DIR
    needs: str
    licence: str


SOURCES = (
    Source(
        "aimock",
        ("npm", "install", "--no-audit", "--no-fund", "--prefix", "DIR", "@copilotkit/aimock"),
        "node 20 and npm",
        "MIT",
    ),
    Source(
        "llmposter",
        ("cargo", "install", "--quiet", "--locked", "--root", "DIR", "llmposter"),
        "Rust 1.89",
        "AGPL-3.0-or-later",
    ),
    Source(
        "vidaimock",
        ("cargo", "install", "--quiet", "--locked", "--root", "DIR", "vidaimock"),
        "Rust 1.70",
        "Apache-2.0",
    ),
)


def aimock(home: Path, work: Path, extra: int = 0, kind: str = "contains") -> Optional[Contender]:
    """@copilotkit/aimock: parts of texts, six characters an event, no pause unless told."""
    program = home / "node_modules" / ".bin" / "llmock"
    if kind == "regex" or not program.exists() or not shutil.which("node"):
        return None  # its JSON files have no regular expressions
    fixtures: List[Dict[str, Any]] = [
        {"match": {"userMessage": text}, "response": {"content": "no"}}
        for text in unasked(extra, kind)
    ]
    for name, question in QUESTIONS.items():
        fixture = {"match": {"userMessage": question}, "response": {"content": TEXTS[name]}}
        latency = APART * 1000 if name == "paced" else 0
        fixtures.append({**fixture, "chunkSize": SIZES[name], "latency": latency})
    file = work / f"aimock-{extra}.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    options = ["-f", str(file), "--log-level", "silent"]
    return Contender("aimock", lambda port: ["node", str(program), *options, "-p", str(port)])


def llmposter(
    home: Path, work: Path, extra: int = 0, kind: str = "contains"
) -> Optional[Contender]:
    """llmposter: parts of texts or regular expressions, six characters an event."""
    program = found_program(home, "llmposter")
    if not program:
        return None
    fixtures: List[Dict[str, Any]] = [
        {
            "match": {"user_message": {"regex": text} if kind == "regex" else text},
            "response": {"content": "no"},
        }
        for text in unasked(extra, kind)
    ]
    for name, question in QUESTIONS.items():
        latency = round(APART * 1000) if name == "paced" else 0
        fixtures.append(
            {
                "match": {"user_message": question},
                "response": {"content": TEXTS[name]},
                "streaming": {"latency": latency, "chunk_size": SIZES[name]},
            }
        )
    file = work / f"llmposter-{extra}-{kind}.yaml"
    file.write_text(json.dumps({"fixtures": fixtures}))  # JSON is YAML
    return Contender("llmposter", lambda port: [program, "-f", str(file), "-p", str(port)])


# The frames of a stream and the whole answer, as Tera templates.
FRAME = (
    'data: {"id":"chatcmpl-{{ uuid() }}","object":"chat.completion.chunk","created":'
    '{{ timestamp() }},"model":"{{ model }}","choices":[{"index":0,"delta":%s,'
    '"finish_reason":%s}]}'
)
TEMPLATES = {
    "whole": (
        '{"id":"chatcmpl-{{ uuid() }}","object":"chat.completion","created":{{ timestamp() }},'
        '"model":"{{ model }}","choices":[{"index":0,"message":{"role":"assistant",'
        '"content":"{% if json.messages.0.content is containing("forty-seven") %}'
        f"{TEXTS['paced']}{{% else %}}{TEXTS['answers']}{{% endif %}}"
        '"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":100,'
        '"total_tokens":109}}'
    ),
    "on_start": FRAME % ('{"role":"assistant"}', "null"),
    "on_chunk": FRAME % ('{"content":"{{ chunk }}"}', "null"),
    "on_stop": FRAME % ("{}", '"stop"') + "\n\ndata: [DONE]",
}


def vidaimock(home: Path, work: Path) -> Optional[Contender]:
    """vidaimock with one template: it has no mocks to match, and pauses between events, always.

    Its shortest pause is 1 ms, and 20 ms is what it takes unasked: no stream of it is without pace.
    """
    program = found_program(home, "vidaimock")
    if not program:
        return None
    folder = work / "vidaimock"
    for name in ("providers", "templates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, template in TEMPLATES.items():
        (folder / "templates" / f"{name}.j2").write_text(template)
    moments = {name: {"template_path": f"{name}.j2"} for name in TEMPLATES if name != "whole"}
    provider = {
        "name": "benchmark",
        "matcher": f"^{PATH}$",
        "priority": 100,
        "response_template": "whole.j2",
        "stream": {"enabled": True, "frame_format": "raw", "lifecycle": moments},
    }
    (folder / "providers" / "benchmark.yaml").write_text(json.dumps(provider))
    options = ["--host", "127.0.0.1", "--config-dir", str(folder), "--isolated"]
    return Contender(
        "vidaimock",
        lambda port: [program, *options, "-p", str(port)],
        streams=frozenset(["paced"]),
        folder=work,
    )


def found_program(home: Path, name: str) -> str:
    return shutil.which(name, path=str(home / "bin")) or shutil.which(name) or ""


def version(name: str, home: Path) -> str:
    """Of an installed server, as its installer noted it."""
    if name == "aimock":
        package = home / "node_modules" / "@copilotkit" / "aimock" / "package.json"
        if not package.exists():
            return ""
        node = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, check=False)
        number = json.loads(package.read_text())["version"]
        return f"{number} (Node {node.stdout.decode().strip().lstrip('v')})"
    if name == "nginx":
        program = shutil.which("nginx")
        if not program:
            return ""
        said = subprocess.run([program, "-v"], stderr=subprocess.PIPE, check=False)
        return said.stderr.decode().strip().rpartition("/")[2]
    noted = home / ".crates.toml"
    found = re.search(rf'"{name} ([^ ]+) ', noted.read_text()) if noted.exists() else None
    return found.group(1) if found else ""
