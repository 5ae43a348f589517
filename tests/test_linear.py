"""What a client sends is read in linear time: long inputs that would take others for ever.

All run in a process of their own, which is given far more time than they need, and far less than
the square of their length takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import mock_server as m

LONG = 60_000
SHORT = 16_000  # what fits into the first line of a request
HEAD = 60_000


def fed(value: Any) -> Any:
    """Whatever is said of a value that is refused."""
    try:
        return m.read_header(value)
    except m.BadMock as error:
        return error


def template(text: str) -> Any:
    """A text with templates, read and filled."""
    return fed({"text": text}), m.TEMPLATE.sub("", text)


def parts(value: Any) -> Any:
    """An answer of many parts, streamed."""
    reply = m.Reply(tuple(value for _ in range(LONG)), "stop", m.Usage(1, 1), "m")
    return sum(1 for _ in m.walk(reply)), m.cohere_message(None, reply)  # type: ignore[arg-type]


def event_stream() -> Any:
    """A long recording of AWS's."""
    return len(m.EventStream.split(m.EventStream.message(b"", b"{}") * LONG))


def fields(line: bytes) -> Any:
    """A head full of one line."""
    return m.parse_fields(line * (HEAD // len(line)))


def route(path: str) -> Any:
    """The way of a path, or the nearest known one."""
    return m.new_owners("POST", path), m.nearest_path(path, "POST"), m.parse_target(path)


LIKE_KEYS = ("sk-", "eyJ", "eyJ.", "Bearer ", "key=", "://a:", "?key=", "sk-a**", "key: a", "a-")
LIKE_KEYS += ("-----BEGIN PRIVATE KEY-----", "Basic ", "***", "request id: ", "Cookie: a=b; ")
LIKE_KEYS += ("--api-key ", "curl -u a:", "login a password ", "a;password=b;", "signature=aws4")
LIKE_KEYS += ("-----BEGIN PRIVATE KEY-----a a ", "authorization: ab ", "--user", "cookie: ")

CASES: Dict[str, Callable[[], Any]] = {
    "a template that does not end": lambda: template("{{" + " " * LONG),
    "templates that do not end": lambda: template("{{ a" * LONG),
    "a template of spaces": lambda: template("{{" + " " * LONG + "}}"),
    "many kinds of braces": lambda: template("{{{}}" * LONG),
    "a header again and again": lambda: m.parse_fields(b"a:\r\n" * 1000),
    "a header of spaces": lambda: fields(b"a:" + b" " * (HEAD - 4) + b"\r\n"),
    "an Accept-Encoding": lambda: m.qualities("gzip;" + " " * LONG + "," + " " * LONG + "x y"),
    "a session": lambda: m.SESSION_PREFIX.match("/@" * LONG),
    "a path of slashes": lambda: route("/" * SHORT + "x"),
    "a path of models": lambda: route("/v1beta/models/a:b" * (SHORT // 18)),
    "a path of chats": lambda: route("/chat/completions/v1" * (SHORT // 20)),
    "a path of colons": lambda: route("/v1/projects/" + ":" * SHORT),
    "a path of escapes": lambda: route("/model/" + "%3A" * (SHORT // 3)),
    "a query": lambda: m.parse_target("/?" + "a=%%%&" * LONG),
    "a model of families": lambda: m.family_of("amazon.nova-" * LONG),
    "a model of makers": lambda: m.family_of("./amazon" * LONG),
    "a model of slashes": lambda: m.REASONING_MODEL.match("/o" * LONG),
    "a resource": lambda: m.RESOURCE.sub("", "/v" + ":a" * LONG + "/"),
    "a name that may be a credential": lambda: m.masked("authorization-" * LONG + "x", "y"),
    "a name of digits": lambda: m.masked("key" + "1" * LONG + "x", "y"),
    "a text of spaces": lambda: m.pieces(" " * LONG, 0),
    "a text of spaces and words": lambda: m.pieces(("a" + " " * 3000) * 300, 0),
    "arguments": lambda: m.pieces("a-" * LONG, 0, m.ARGUMENT_PIECES),
    "parts": lambda: parts(m.Text("a")),
    "calls": lambda: parts(m.Reasoning("a")),
    "an event stream": event_stream,
    "events": lambda: m.SSE.split(b"\r\n\r" * LONG + b"x"),
    "data": lambda: m.SSE.data(b"data:\r" * LONG),
    "an unknown key": lambda: fed({"k" * LONG: 1}),
    "an unknown kind": lambda: fed({"error": {"kind": "over" * LONG}}),
    "an unknown mock": lambda: m.nearest("added-", [f"added-{number}" for number in range(LONG)]),
    "a path in a body": lambda: m.walked({}, "a." * LONG),
    "what may be keys": lambda: [m.without_keys(one * LONG) for one in LIKE_KEYS],
    "keys cut over events": lambda: m.Scrubber().frames(
        [b'data: {"a": "sk-"}\n\n'] * 9000, m.SSE.title
    ),
    "a key among many": lambda: re.search(
        m.Scrubber().matcher("sk-test-1234567 " * 1000)["regex"],
        "sk-test-1234567 " * 999,  # type: ignore
    ),
    "digits": lambda: fed({"text": "x", "usage": {"input_tokens": int("1" * 900)}}),
}


def test_no_input_takes_more_than_linear_time() -> None:
    script = "import sys, test_linear as t\nfor name, run in t.CASES.items():\n"
    script += "    print(name, flush=True)\n    run()\nprint('all')"
    at = Path(m.__file__).resolve().parent
    if hasattr(m, "__path__"):
        at = at.parent
    folders = [str(at), str(Path(__file__).resolve().parent)]
    paths = f"import sys; sys.path[:0] = {folders!r}\n"
    try:
        done = subprocess.run(
            [sys.executable, "-c", paths + script], stdout=subprocess.PIPE, timeout=30
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"takes for ever: {(late.output or b'').splitlines()[-1:]}") from None
    assert done.stdout.split(b"\n")[-2:] == [b"all", b""], done.stdout


def test_an_unknown_name_among_many_is_told_some_of_them() -> None:
    hint = m.nearest("xyz", [f"added-{number:04}" for number in range(1000)])
    assert hint.endswith("added-0099 and 900 more") and len(hint) < 1500


def test_the_nearest_path_is_found_among_a_few_likely_ones() -> None:
    paths = {
        "/v1/chat/completion": "POST /v1/chat/completions",
        "/v1/message": "POST /v1/messages",
        "/v1beta/models/g:countTokns": "POST /v1beta/models/{model}:countTokens",
        "/model/anthropic.claude/convers": "POST /model/{model}/converse",
        "/openai/deployments/d/embedding": "POST /openai/deployments/{deployment}/embeddings",
    }
    found = {path: m.nearest_path(path, "POST")[0] for path in paths}
    assert {path: re.sub(r"\{\w+\}", "{}", known) for path, known in found.items()} == {
        path: re.sub(r"\{\w+\}", "{}", known) for path, known in paths.items()
    }
