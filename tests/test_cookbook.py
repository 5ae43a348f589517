"""docs/cookbook.md: each case does what it says, and breaks the code that it tells of."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import hmac
import http.client
import io
import json
import re
import shlex
import shutil
import socket
import subprocess
import time
from email.message import Message
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from clients import PATIENCE, Raw, fetch, post
from pages import blocks, page
from readers import events_of

import mock_server as m
from mock_server import MockServer

PAGE = page("cookbook")
BEGINNING = PAGE.split("\n### ")[0]
HERE = "http://127.0.0.1:5001"
CONVERSE = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse"
Gateway = Callable[[str, Any], Any]  # what the page calls `send`


class Case(NamedTuple):
    """A chapter of the page: its heading, what it tells, and its blocks with their languages."""

    number: int
    heading: str
    text: str
    blocks: Tuple[Tuple[str, str], ...]

    def of(self, language: str) -> List[str]:
        return [code for name, code in self.blocks if name == language]

    def shown(self) -> List[Tuple[str, str]]:
        """The curl commands, each with what it prints."""
        return list(zip(self.of("sh"), self.of("text")))


def read_cases() -> List[Case]:
    """What the page holds, in its order."""
    found = []
    for number, chapter in enumerate(re.split(r"^### ", PAGE, flags=re.M)[1:]):
        heading, _, rest = re.split(r"^## ", chapter, flags=re.M)[0].partition("\n")
        blocks = re.findall(r"^```(\w+)\n(.+?)\n```$", rest, re.S | re.M)
        found.append(Case(number, heading, rest.split("\n```")[0], tuple(blocks)))
    return found


CASES = read_cases()
BY_HEADING = {case.heading: case for case in CASES}


class Upstream:
    """Two ports that share a journal, and beside them one that checks credentials."""

    def __init__(self) -> None:
        self.first = MockServer()
        self.second = MockServer(core=self.first.core)
        given = re.findall(r"--credential (\w+=[^`\s]+)", PAGE)
        self.checking = MockServer(credential=given)
        self.servers = self.first, self.second, self.checking

    def ports(self, text: str) -> str:
        """A block with the ports that there are in place of the page's."""
        ports = {"5001": self.first.port, "5002": self.second.port}
        return re.sub(r"\b500[12]\b", lambda found: str(ports[found.group()]), text)

    def session(self, case: Case, what: str) -> Any:
        """A session with the mocks of a case, for one use of them."""
        server = self.checking if "--credential" in case.text else self.first
        session = server.session(f"{what}-{case.number}")
        for block in case.of("json"):
            mocks = json.loads(self.ports(block))
            for mock in mocks if isinstance(mocks, list) else [mocks]:
                session.mock(**mock)
        return session


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    with contextlib.ExitStack() as running:
        for server in made.servers:
            running.enter_context(server)
        yield made
        for answer in KEPT:
            answer.close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


# === What the page shows =======================================================


def target_of(url: str) -> Tuple[int, str]:
    """Port and target of a URL of a server in this process."""
    port, slash, rest = url.partition("://127.0.0.1:")[2].partition("/")
    return int(port), slash + rest


def asked(session: Any, command: str) -> bytes:
    """What a curl command of the page gets, without curl."""
    words = shlex.split(command)
    url = next(word for word in words if word.startswith(HERE))
    flags = dict(zip(words, words[1:]))
    data = flags["-d"].encode() if "-d" in flags else None
    method = flags.get("-X", "POST" if data else "GET")
    headers = {"Accept-Encoding": "gzip"} if "--compressed" in words else {}
    port, prefix = target_of(session.url)
    body = fetch(port, method, prefix + url[len(HERE) :], data, headers)[1]
    return gzip.decompress(body) if "--compressed" in words else body


def curled(session: Any, command: str) -> bytes:
    """What curl says, of what went wrong, too."""
    words = [word.replace(HERE, session.url) for word in shlex.split(command)]
    done = subprocess.run(
        [words[0], "--noproxy", "*", *words[1:]], capture_output=True, timeout=PATIENCE
    )
    return done.stderr


def test_curl_prints_what_the_page_shows(upstream: Upstream) -> None:
    for case in CASES:
        session = upstream.session(case, "curl")
        for command, printed in case.shown():
            if printed.startswith("curl: ") and not shutil.which("curl"):
                continue
            run = curled if printed.startswith("curl: ") else asked
            out = run(session, command).decode("utf-8", "replace")
            pattern = ".*?".join(map(re.escape, printed.split("…")))
            assert re.match(pattern, out, re.S), (case.heading, out)


def test_the_mock_of_a_case_is_added_as_shown(upstream: Upstream) -> None:
    (command,), (printed,) = blocks("sh", BEGINNING), blocks("text", BEGINNING)
    mock = CASES[0].of("json")[0]
    session = upstream.first.session("beginning")
    out = asked(session, command.replace("@mock.json", shlex.quote(mock)))
    assert out.decode().startswith(printed)


def test_each_case_is_whole_and_the_contents_lead_to_it() -> None:
    assert 25 <= len(CASES) == len(BY_HEADING)
    listed = re.findall(r"^  - \[(.+)\]\(#.+\)$", PAGE, re.M)
    assert listed == [case.heading for case in CASES]
    for case in CASES:
        assert re.search(r"\(https://github\.com/[^/]+/[^/]+/(issues|pull)/\d+\)", case.text)
        assert case.of("json") and all(mock.count("\n") < 10 for mock in case.of("json"))
        assert len(case.of("sh")) == len(case.of("text"))
        assert case.of("sh") or case.of("python"), case.heading
        assert "  " not in case.text and len(case.text) < 800, case.heading


# === Gateways, right ones and wrong ones =======================================


class Answer:
    """What a gateway gives its client: all at once."""

    def __init__(self, code: int, headers: Any, body: bytes) -> None:
        self.code, self.headers, self.body = code, headers, io.BytesIO(body)
        self.read, self.readline, self.close = self.body.read, self.body.readline, self.body.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)


def posted(url: str, body: Any, headers: Dict[str, str]) -> Any:
    """An answer to a gateway."""
    try:
        return urlopen(Request(url, json.dumps(body).encode(), headers), timeout=PATIENCE)
    except HTTPError as error:
        return error


def reads_of(session: Any, path: str, body: Any) -> List[bytes]:
    """What comes in each read of a stream, as far as one can tell: its chunks."""
    server = session.server
    raw = Raw(server).send(post(body, target_of(session.url)[1] + path))
    raw.head()
    reads = list(raw.chunks())
    raw.close()
    return reads


def passed_on(change: Callable[[List[bytes]], bytes]) -> Callable[..., Gateway]:
    """A gateway that makes something of the reads of a stream."""

    def build(session: Any, _: Gateway) -> Gateway:
        return lambda path, body: Answer(200, Message(), change(reads_of(session, path, body)))

    return build


def whole_events(reads: List[bytes]) -> bytes:
    """Reads that are an event each; others are nothing that it knows."""
    events = (re.fullmatch(rb"(?:event: .+\n)?data: (.+)\n\n", read) for read in reads)
    return b"".join(event.group() for event in events if event)


def decoded_one_by_one(reads: List[bytes]) -> bytes:
    return "".join(read.decode("utf-8", "replace") for read in reads).encode()


def short_lines(reads: List[bytes]) -> bytes:
    """Lines as Go's bufio.Scanner reads them, up to one that is too long."""
    lines = b"".join(reads).splitlines(keepends=True)
    fit = [len(line) < 65_536 for line in lines]
    return b"".join(lines[: fit.index(False) if False in fit else None])


def with_headers(change: Callable[[Message, bytes], bytes]) -> Callable[..., Gateway]:
    """A gateway that does something to headers, and to the body."""

    def build(_: Any, send: Gateway) -> Gateway:
        def sent(path: str, body: Any) -> Answer:
            answer = send(path, body)
            data = change(answer.headers, answer.read())
            return Answer(answer.code, answer.headers, data)

        return sent

    return build


def unpacked(headers: Message, body: bytes) -> bytes:
    """What an HTTP client does, without a word to the headers."""
    return gzip.decompress(body)


def one_of_each(headers: Message, body: bytes) -> bytes:
    """Headers as a map has them."""
    last = dict(headers.items())
    for name in set(headers.keys()):
        del headers[name]
        headers[name] = last[name]
    return body


def without_advice(headers: Message, body: bytes) -> bytes:
    del headers["Retry-After"]
    return body


def trying_again(_: Any, send: Gateway) -> Gateway:
    """A connection that was closed without a word is no answer."""

    def sent(path: str, body: Any) -> Any:
        try:
            return send(path, body)
        except http.client.RemoteDisconnected:
            return send(path, body)

    return sent


def buffering(session: Any, _: Gateway) -> Gateway:
    """Nothing before all is there, for which its client does not wait."""

    def sent(path: str, body: Any) -> Answer:
        data = json.dumps(body).encode()
        answer = urlopen(Request(session.url + path, data), timeout=0.05)
        return Answer(answer.code, answer.headers, answer.read())

    return sent


KEPT: List[Any] = []


def clinging(_: Any, send: Gateway) -> Gateway:
    """Whoever leaves: the connection to the upstream stays."""

    def sent(path: str, body: Any) -> Answer:
        KEPT.append(send(path, body))
        return Answer(200, KEPT[-1].headers, KEPT[-1].readline())

    return sent


def failing_over(upstream: Upstream, session: Any, send: Gateway) -> Gateway:
    def sent(path: str, body: Any) -> Any:
        answer = send(path, body)
        if answer.code != 429:
            return answer
        second = session.url.replace(str(upstream.first.port), str(upstream.second.port))
        return posted(second + path, body, {})

    return sent


def full_url(session: Any, _: Gateway) -> Gateway:
    def sent(path: str, body: Any) -> Answer:
        port, prefix = target_of(session.url)
        url = f"http://127.0.0.1:{port}{prefix}{path}"
        status, data = fetch(port, "POST", url, json.dumps(body).encode())
        return Answer(status, Message(), data)

    return sent


def small(_: Any, send: Gateway) -> Gateway:
    def sent(path: str, body: Any) -> Any:
        if len(json.dumps(body)) > 2_097_152:
            return Answer(413, Message(), b"request was too large")
        return send(path, body)

    return sent


def with_tokens(renewing: bool) -> Callable[..., Gateway]:
    """A gateway that gets a token of Google's, and a new one when that is refused."""

    def build(session: Any, _: Gateway) -> Gateway:
        def token() -> str:
            return str(json.loads(posted(session.url + "/token", {}, {}).read())["access_token"])

        def sent(path: str, body: Any) -> Any:
            answer = posted(session.url + path, body, {"Authorization": f"Bearer {token()}"})
            if answer.code == 401 and renewing:
                return posted(session.url + path, body, {"Authorization": f"Bearer {token()}"})
            return answer

        return sent

    return build


def signing(colon: str) -> Callable[..., Gateway]:
    """A gateway that signs for AWS, with a colon that is so written in what is signed."""

    def build(session: Any, _: Gateway) -> Gateway:
        port, prefix = target_of(session.url)

        def sent(path: str, body: Any) -> Any:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            scope = f"{moment[:8]}/us-east-1/bedrock/aws4_request"
            target = prefix + path.replace(":", "%3A")
            data = json.dumps(body).encode()
            lines = [f"host:127.0.0.1:{port}", f"x-amz-date:{moment}", "", "host;x-amz-date"]
            signed = (prefix.replace("@", "%40") + path).replace(":", colon)
            asked = "\n".join(["POST", signed, "", *lines, hashlib.sha256(data).hexdigest()])
            digest = hashlib.sha256(asked.encode()).hexdigest()
            key = b"AWS4secret"
            said = "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest])
            for piece in [*scope.split("/"), said]:
                key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
            told = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, "
            told += f"SignedHeaders=host;x-amz-date, Signature={key.hex()}"
            headers = {"X-Amz-Date": moment, "Authorization": told}
            return posted(f"http://127.0.0.1:{port}{target}", body, headers)

        return sent

    return build


# What a gateway must do beside passing on what comes.
RIGHT: Dict[str, Callable[..., Gateway]] = {
    "A connection that the upstream has closed is used again": trying_again,
    "The gateway's own token has expired": with_tokens(renewing=True),
    "The signature does not match, for models with a colon": signing("%253A"),
}
# Gateways with the bug of the case.
WRONG: Dict[str, Callable[..., Gateway]] = {
    "Usage is lost when an event comes in two reads": passed_on(whole_events),
    "Letters come out as question marks": passed_on(decoded_one_by_one),
    "Words are missing when several events come in one read": passed_on(whole_events),
    "A line above 64 KB ends the stream": passed_on(short_lines),
    "Content-Encoding says gzip, and the body is plain": with_headers(unpacked),
    "Of two Set-Cookie headers one arrives": with_headers(one_of_each),
    "Retry-After is dropped": with_headers(without_advice),
    "A connection that the upstream has closed is used again": lambda session, send: send,
    "The gateway holds the stream back": buffering,
    "The client has left, and the upstream goes on": clinging,
    "A 429 does not lead to the next upstream": lambda session, send: send,
    "The request target is a full URL": full_url,
    "A request with a picture is too large": small,
    "The gateway's own token has expired": with_tokens(renewing=False),
    "The signature does not match, for models with a colon": signing("%3A"),
}
# What the assertions meet with, if not with something that they deny.
NOTICED: Dict[str, type] = {
    "Usage is lost when an event comes in two reads": IndexError,
    "Content-Encoding says gzip, and the body is plain": gzip.BadGzipFile,
    "A connection that the upstream has closed is used again": http.client.RemoteDisconnected,
    "The gateway holds the stream back": socket.timeout,
    "The client has left, and the upstream goes on": TimeoutError,
}


def read_whole(answer: Any) -> str:
    """A client that believes in an answer only when its end has come."""
    data = answer.read()
    chunks = [json.loads(event) for event in events(data) if event != "[DONE]"]
    assert any(chunk["choices"][0]["finish_reason"] for chunk in chunks)
    return text_of(chunks)


def read_any(answer: Any) -> str:
    """A client that takes what it gets."""
    try:
        data = answer.read()
    except http.client.IncompleteRead as broken:
        data = broken.partial
    return text_of([json.loads(event) for event in events(data) if event != "[DONE]"])


def named(session: Any) -> Dict[str, Any]:
    """The names that the page's Python uses, and its two functions."""

    class Server:
        """The session in place of a server of its own."""

        def start(self) -> Any:
            return session

    names: Dict[str, Any] = {"MockServer": Server, "start_gateway": lambda upstream: upstream}
    names.update(json=json, gzip=gzip, pytest=pytest, urlopen=urlopen, Request=Request)
    names.update(HTTPError=HTTPError, read_answer=read_whole)
    exec(blocks("python", BEGINNING)[0], names)  # noqa: S102
    return names


def run(upstream: Upstream, case: Case, what: str, gateway: Callable[..., Gateway]) -> None:
    """Run the Python of a case behind a gateway."""
    session = upstream.session(case, what)
    names = named(session)
    names["send"] = gateway(session, names["send"])
    for block in case.of("python"):
        code = upstream.ports(block)
        # What does not come need not be waited for.
        exec(code.replace("timeout=5", "timeout=0.05") if what == "wrong" else code, names)  # noqa: S102


def test_the_assertions_hold_behind_a_right_gateway(upstream: Upstream) -> None:
    for case in CASES:
        right = RIGHT.get(case.heading, lambda session, send: send)
        if case.heading == "A 429 does not lead to the next upstream":
            right = lambda session, send: failing_over(upstream, session, send)  # noqa: E731
        run(upstream, case, "right", right)


def test_the_assertions_fail_behind_a_gateway_with_the_bug(upstream: Upstream) -> None:
    with_code = {case.heading for case in CASES if case.of("python")}
    assert set(WRONG) == with_code - {"A stream that broke off looks complete"}
    for heading, wrong in WRONG.items():
        with pytest.raises(NOTICED.get(heading, AssertionError)):
            run(upstream, BY_HEADING[heading], "wrong", wrong)


# === Clients, naive ones and right ones ========================================


def events(data: bytes) -> List[str]:
    """The data of each event, as the standard has it."""
    found, lines = [], []
    for line in [*data.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value[1:] if value.startswith(" ") else value)
        elif not line and lines:
            found.append("\n".join(lines))
            lines = []
    return found


def naive_events(data: bytes) -> List[str]:
    """What starts with `data: `, between two line ends."""
    blocks = data.split(b"\n\n")
    return [block[6:].decode() for block in blocks if block.startswith(b"data: ")]


def chunks_of(data: bytes) -> List[Any]:
    return [json.loads(event) for event in events(data) if event != "[DONE]"]


def text_of(chunks: List[Any]) -> str:
    """The text of chat chunks."""
    choices = [chunk["choices"][0] for chunk in chunks if chunk.get("choices")]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def json_of_lines(data: bytes) -> List[Any]:
    lines = [line for line in data.decode().split("\n") if line and "[DONE]" not in line]
    return [json.loads(line[6:] if line.startswith("data: ") else line) for line in lines]


def json_of_blocks(data: bytes) -> List[Any]:
    """The JSON of each block, be there data in it or not."""
    blocks = data.decode().split("\n\n")
    return [json.loads("".join(re.findall("^data: (.*)", block, re.M))) for block in blocks]


def calls_by(key: Callable[[Any, int], int]) -> Callable[[bytes], Dict[int, str]]:
    """The arguments of streamed tool calls, put together by a number that a call is given."""

    def read(data: bytes) -> Dict[int, str]:
        found: Dict[int, str] = {}
        for chunk in chunks_of(data):
            calls = chunk["choices"][0]["delta"].get("tool_calls", ())
            for place, call in enumerate(calls):
                number = key(call, place)
                found[number] = found.get(number, "") + call["function"]["arguments"]
        return found

    return read


def thoughts(*names: str) -> Callable[[bytes], str]:
    def read(data: bytes) -> str:
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(data)]
        return "".join(delta.get(name) or "" for delta in deltas for name in names)

    return read


def usages(data: bytes) -> List[int]:
    return [chunk["usage"]["total_tokens"] for chunk in chunks_of(data)]


def written(data: bytes) -> List[int]:
    """What was written to Anthropic's cache, each time that it is told."""
    return [int(number) for number in re.findall(rb'"cache_creation_input_tokens":(\d+)', data)]


def called(data: bytes, key: str) -> str:
    (item,) = json.loads(events(data)[-1])["response"]["output"]
    return str(item[key])


def parts(data: bytes) -> Any:
    return json.loads(data)["candidates"][0]["content"]


def converse(data: bytes) -> List[Tuple[str, Any]]:
    return events_of(m.BedrockConverse, data)


def said(found: List[Tuple[str, Any]]) -> str:
    return "".join(value["delta"]["text"] for name, value in found if name.endswith("Delta"))


def last(data: bytes, *ends: str) -> List[Any]:
    """The events that end a stream of Responses."""
    return [chunk for chunk in chunks_of(data) if chunk["type"] in ends]


REASONS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
Reader = Callable[[bytes], Any]
# What a naive client reads, what it fails with, and what a right one reads.
READERS: Dict[str, Tuple[Reader, Any, Reader, Any]] = {
    "A stream with CRLF, or without the space after data:, is not read at all": (
        naive_events,
        [],
        lambda data: text_of(chunks_of(data)),
        "Hi",
    ),
    "A comment is taken for JSON": (
        json_of_lines,
        ValueError,
        lambda data: text_of(chunks_of(data)),
        "Hi",
    ),
    "A block without data ends the stream": (
        json_of_blocks,
        ValueError,
        chunks_of,
        [{"choices": []}],
    ),
    "A gzip'd stream is read as text": (
        naive_events,
        [],
        lambda data: text_of(chunks_of(gzip.decompress(data))),
        "Hi",
    ),
    "Tool calls have no index": (
        calls_by(lambda call, place: call["index"]),
        KeyError,
        calls_by(lambda call, place: call.get("index", place)),
        {0: '{"city":"Oslo"}', 1: '{"city":"Rome"}'},
    ),
    "Reasoning is lost, because the field has another name": (
        thoughts("reasoning_content"),
        "",
        thoughts("reasoning_content", "reasoning"),
        "2 + 2.",
    ),
    "Azure's first chunk has no choices": (
        lambda data: [chunk["choices"][0] for chunk in chunks_of(data)],
        IndexError,
        lambda data: text_of(chunks_of(data)),
        "Hi",
    ),
    "Tokens are counted once a chunk": (
        lambda data: sum(usages(data)),
        24,
        lambda data: usages(data)[-1],
        6,
    ),
    "Tokens written to the cache are counted twice, or never": (
        lambda data: sum(written(data)),
        1600,
        lambda data: written(data)[-1],
        800,
    ),
    "A custom tool is called as a function": (
        lambda data: json.loads(called(data, "arguments")),
        KeyError,
        lambda data: called(data, "input"),
        "*** Begin Patch",
    ),
    "An unknown stop reason ends the answer, or the program": (
        lambda data: REASONS[json.loads(data)["stop_reason"]],
        KeyError,
        lambda data: REASONS.get(json.loads(data)["stop_reason"], "unfinished"),
        "unfinished",
    ),
    "An answer without content crashes the parser": (
        lambda data: [part["text"] for part in parts(data)["parts"]],
        KeyError,
        lambda data: parts(data).get("parts", []),
        [],
    ),
    "The first event of a 200 is an error": (
        lambda data: text_of(chunks_of(data)),
        "",
        lambda data: chunks_of(data)[0]["error"]["type"],
        "server_error",
    ),
    "An exception frame of Bedrock is overlooked": (
        lambda data: said(converse(data)),
        "one",
        lambda data: [name for name, _ in converse(data) if name.endswith("Exception")],
        ["throttlingException"],
    ),
    "A stream of Responses that failed is taken for a cut one": (
        lambda data: last(data, "response.completed"),
        [],
        lambda data: last(data, "response.completed", "response.failed")[0]["response"]["status"],
        "failed",
    ),
    "An error page is HTML": (json.loads, ValueError, lambda data: data[:6], b"<html>"),
    "A stream is asked for, and JSON comes back": (
        lambda data: text_of(chunks_of(data)),
        "",
        lambda data: json.loads(data)["error"]["message"],
        "quota exceeded",
    ),
}


def raw_answer(session: Any, command: str) -> bytes:
    """The body as it was sent."""
    return asked(session, command.replace(" --compressed", ""))


def test_naive_clients_break_and_right_ones_do_not(upstream: Upstream) -> None:
    for heading, (naive, wrong, right, expected) in READERS.items():
        case = BY_HEADING[heading]
        data = raw_answer(upstream.session(case, "read"), case.of("sh")[0])
        assert right(data) == expected, heading
        if isinstance(wrong, type):
            with pytest.raises(wrong):
                naive(data)
        else:
            assert naive(data) == wrong, heading


def test_half_an_answer_passes_for_a_whole_one_with_a_client_that_takes_what_it_gets(
    upstream: Upstream,
) -> None:
    case = BY_HEADING["A stream that broke off looks complete"]
    names = named(upstream.session(case, "half"))
    names["read_answer"] = read_any
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        exec(case.of("python")[0], names)  # noqa: S102


def body_of(case: Case) -> Any:
    words = shlex.split(case.of("sh")[0])
    return json.loads(words[words.index("-d") + 1])


def test_a_signature_that_comes_back_is_taken(upstream: Upstream) -> None:
    case = BY_HEADING["Gemini's signature does not come back"]
    session = upstream.session(case, "signed")
    path = "/v1beta/models/gemini-3-pro-preview:generateContent"
    body = body_of(case)
    question, _, result = body["contents"]
    answer = json.loads(posted(session.url + path, {**body, "contents": [question]}, {}).read())
    body["contents"] = [question, answer["candidates"][0]["content"], result]
    assert posted(session.url + path, body, {}).code == 200


def test_results_in_one_message_are_taken(upstream: Upstream) -> None:
    case = BY_HEADING["Results of parallel tools are refused"]
    session = upstream.session(case, "merged")
    body = body_of(case)
    *before, first, second = body["messages"]
    assert posted(session.url + CONVERSE, body, {}).code == 400
    merged = {"role": "user", "content": [*first["content"], *second["content"]]}
    assert posted(session.url + CONVERSE, {**body, "messages": [*before, merged]}, {}).code == 200
