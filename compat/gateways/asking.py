"""What is asked through a gateway, and what a client has of an answer.  Nothing but the standard
library: what other libraries make of bytes is not what is tested here."""

from __future__ import annotations

import json
import socket
import zlib
from contextlib import closing
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple
from urllib.parse import urlsplit

PATIENCE = 30.0  # seconds that nothing takes, however slow the machine is
SYSTEM = "Be brief."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ABOUT = {"name": "get_weather", "description": "The weather in a city."}
# Headers that belong to one answer or one connection, and not to what was said.
OWN_HEADERS = ("content-type", "retry-after")
OWN_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-amzn-errortype")


class Api(NamedTuple):
    """One API of a provider: where it is asked, and with what."""

    name: str
    path: str
    stream_path: str  # empty if it does not stream
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    def asks(self, user: str, stream: bool) -> Tuple[str, bytes]:
        """The path and the body of a request."""
        body = json.loads(json.dumps(self.body).replace('"USER"', json.dumps(user)))
        if stream and self.path == self.stream_path:
            body["stream"] = True
        if not stream and self.name == "ollama":
            body["stream"] = False
        return (self.stream_path if stream else self.path), json.dumps(body).encode()


def api(name: str, path: str, stream_path: str, body: Mapping[str, Any], **headers: str) -> Api:
    """A row."""
    said = {key.replace("_", "-"): value for key, value in headers.items()}
    return Api(name, path, stream_path, body, {"content-type": "application/json", **said})


USER = {"role": "user", "content": "USER"}
CHAT = [{"role": "system", "content": SYSTEM}, USER]
FUNCTION = {"type": "function", "function": {**ABOUT, "parameters": CITY}}
GOOGLE = {
    "contents": [{"role": "user", "parts": [{"text": "USER"}]}],
    "tools": [{"functionDeclarations": [{**ABOUT, "parameters": CITY}]}],
}
CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "USER"}]}],
    "toolConfig": {"tools": [{"toolSpec": {**ABOUT, "inputSchema": {"json": CITY}}}]},
}
CLAUDE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 64,
    "messages": [USER],
    "tools": [{**ABOUT, "input_schema": CITY}],
}
GEMINI = "/v1beta/models/gemini-2.5-flash"
BEDROCK = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"  # a gateway may not undo the %
APIS: Dict[str, Api] = {
    one.name: one
    for one in (
        api(
            "chat",
            "/v1/chat/completions",
            "/v1/chat/completions",
            {"model": "gpt-4o-mini", "messages": CHAT, "tools": [FUNCTION]},
        ),
        api(
            "responses",
            "/v1/responses",
            "/v1/responses",
            {"model": "o3", "input": "USER", "tools": [{"type": "function", **ABOUT}]},
        ),
        api("messages", "/v1/messages", "/v1/messages", CLAUDE, anthropic_version="2023-06-01"),
        api(
            "gemini",
            GEMINI + ":generateContent",
            GEMINI + ":streamGenerateContent?alt=sse",
            GOOGLE,
        ),
        api("bedrock", BEDROCK + "/converse", BEDROCK + "/converse-stream", CONVERSE),
        api("ollama", "/api/chat", "/api/chat", {"model": "llama3.2", "messages": [USER]}),
        api(
            "embeddings",
            "/v1/embeddings",
            "",
            {"model": "text-embedding-3-small", "input": "USER"},
        ),
    )
}


class Heard(NamedTuple):
    """What a client has of an answer: content codings are undone, and `end` is `whole`, `cut`, or
    why there is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    end: str = "whole"

    @property
    def words(self) -> str:
        """How a table says it."""
        if not self.status:
            return self.end
        return str(self.status) if self.end == "whole" else f"{self.status}, {self.end}"


def decoded(data: bytes) -> bytes:
    """All members of gzip undone; what is none stays as it is."""
    out: List[bytes] = []
    rest = data
    try:
        while rest:
            member = zlib.decompressobj(31)
            out.append(member.decompress(rest))
            rest = member.unused_data
    except zlib.error:
        return data
    return b"".join(out)


def told_headers(response: HTTPResponse) -> Dict[str, str]:
    """The headers that say something about the answer."""
    pairs = [(name.lower(), value) for name, value in response.getheaders()]
    return {
        name: value for name, value in pairs if name in OWN_HEADERS or name.startswith(OWN_PREFIXES)
    }


def read(response: HTTPResponse) -> Tuple[bytes, str]:
    """A body as far as it came, and how it ended."""
    parts: List[bytes] = []
    try:
        while True:
            part = response.read1(65536)
            if not part:
                break
            parts.append(part)
    except IncompleteRead as error:
        return b"".join(parts) + error.partial, "cut"
    except (OSError, HTTPException, ValueError):
        return b"".join(parts), "cut"
    # read1 tells of the end of a sized body that it is too short by `length` alone.
    return b"".join(parts), "cut" if response.length else "whole"


def address(url: str) -> Tuple[str, int]:
    """The host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


class Door:
    """Where clients ask: the server itself, or a gateway.  What is compared is what comes out of
    both.  A gateway that speaks another API than its upstream has a Door of its own: `ask` then
    gives what its answer means."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kept = HTTPConnection(*address(url), timeout=PATIENCE)

    def ask(self, asked: Api, user: str, stream: bool = False, **headers: str) -> Heard:
        """The answer to a user, on a connection that is kept as long as the other side does."""
        path, body = asked.asks(user, stream)
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body, {**asked.headers, **said})

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Heard:
        """The answer to a request; once more if the connection was closed since the last one."""
        was_open = self.kept.sock is not None
        heard = self.once(method, path, body, headers)
        if was_open and heard.end == "no answer":
            heard = self.once(method, path, body, headers)
        return heard

    def once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Heard:
        """The answer to a request that is sent once."""
        try:
            self.kept.request(method, path, body, dict(headers))
            response = self.kept.getresponse()
        except (RemoteDisconnected, ConnectionError):
            self.kept.close()
            return Heard(0, {}, b"", "no answer")
        except BadStatusLine:
            self.kept.close()
            return Heard(0, {}, b"", "no HTTP")
        data, end = read(response)
        response.close()  # which read1 leaves to its reader
        if end != "whole":
            self.kept.close()
        return Heard(response.status, told_headers(response), decoded(data), end)

    def opened(self, asked: Api, user: str, stream: bool = True, **headers: str) -> Open:
        """A request on a connection of its own, of which nothing is read yet."""
        path, body = asked.asks(user, stream)
        return Open(self.url, path, body, {**asked.headers, **headers})

    def close(self) -> None:
        """Leave."""
        self.kept.close()


class Open:
    """A request under way, byte by byte."""

    def __init__(self, url: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.socket = socket.create_connection(address(url), timeout=PATIENCE)
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self.got = b""

    def until(self, word: bytes) -> bool:
        """Read until a word came; whether it did."""
        while word not in self.got:
            part = self.more()
            if not part:
                return False
            self.got += part
        return True

    def more(self) -> bytes:
        """What comes next; nothing at the end."""
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def waiting(self) -> bool:
        """Whether there is something to read now."""
        self.socket.setblocking(False)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def rest(self) -> bytes:
        """All that comes until the other side closes, or ends its last chunk."""
        while not self.got.endswith(b"0\r\n\r\n"):
            part = self.more()
            if not part:
                break
            self.got += part
        return self.got

    def leave(self) -> None:
        """Close it, in mid-stream or not."""
        self.socket.close()


def fetched(url: str, method: str, path: str, body: Any = None) -> Tuple[int, Any]:
    """The status and the JSON of an answer of the control API."""
    connection = HTTPConnection(*address(url), timeout=PATIENCE)
    with closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
