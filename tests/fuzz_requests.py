"""Raw requests that were right once, and strict readers of both sides' bytes, for test_fuzz.py and
compat/test_h11.py.

The readers are no copies of the program's: they read whole bytes, and take nothing but what
RFC 9112 lets a sender write.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import zlib
from random import Random
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from clients import PATIENCE
from fuzzing import response_spec, spoiled
from samples import CHAT, CLAUDE, GOOGLE

# --- what a client sends ---


class Connection(NamedTuple):
    """All that a client sends on one connection, in pieces, and how it ends.

    `half`: it closes its half and reads on; `wait`: it reads until the server closes; `close` and
    `reset`: it leaves without reading."""

    pieces: List[bytes]
    end: str

    @property
    def data(self) -> bytes:
        """What is sent, in one piece."""
        return b"".join(self.pieces)


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
LINES: List[bytes] = [
    *(b"POST /v1/chat/completions", b"POST /v1/messages", b"POST /v1/embeddings"),
    *(b"POST /v1beta/models/gemini-2.5-flash:streamGenerateContent", b"POST /api/chat"),
    *(b"GET /v1/models", b"HEAD /v1/models", b"GET /", b"HEAD /", b"OPTIONS /v1/messages"),
    *(b"GET /__mock__/health", b"HEAD /__mock__/mocks", b"POST /__mock__/requests/count"),
    *(b"DELETE /__mock__/requests", b"GET /nothing", b"POST /nothing", b"PUT /v1/messages"),
]
METHODS: List[bytes] = [
    *(b"GET", b"HEAD", b"POST", b"OPTIONS", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"CONNECT"),
    *(b"get", b"PRI", b"M-SEARCH", b"", b"G\0T", b"G T", b" GET", b"GET:", b"\xc9", b"X" * 300),
]
TARGETS: List[bytes] = [
    *(b"*", b"/", b"//", b"/v1//messages", b"/@s/v1/messages", b"/@*/v1/messages", b"/@", b"/@/"),
    *(b"/%40s/v1/models", b"/@%00/v1/models", b"/@" + b"s" * 101 + b"/v1/models", b"/%", b"/%zz"),
    *(b"http://h/v1/models", b"http://u:p@h/v1/models", b"http://", b"h:80", b"ftp://h/", b"v1"),
    *(b"/v1/models?a=b&a=c&&=&%=%", b"/v1/models#f", b"/v1/models?#", b"/v1/mo dels", b"/\xc3\xa9"),
    *(b"/v1/models\t", b"/" + b"a" * 20000, b"/v1/models?" + b"a&" * 500, b"/\\", b"/../__mock__/"),
    *(b"/__mock__", b"/__mock__/nothing", b"/__mock__/mocks/x", b"/v1/models/%2F..", b"/;a", b"?"),
]
VERSIONS: List[bytes] = [
    *(b" HTTP/1.0", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/0.9", b"", b" http/1.1", b" HTTP/1.1 "),
    *(b"  HTTP/1.1", b" HTTP/11.1", b" HTTP/1.", b" HTTP/1.1\0", b"\tHTTP/1.1", b" HTTPS/1.1"),
]
LENGTHS: List[bytes] = [
    *(b"0", b"1", b"-1", b"+5", b"5, 5", b"5,6", b"0x5", b"5 ", b"5 5", b"", b"\xb2", b"1e1"),
    *(b"9" * 17, b"9" * 19, b"9" * 5000, b"0" * 30 + b"5", b"5;", b"5.0", b"five", b"1_0"),
]
CODINGS: List[bytes] = [
    *(b"chunked", b"Chunked", b" chunked ", b"chunked, chunked", b"gzip, chunked", b"identity"),
    *(b"chunked, identity", b"chunked;q=1", b"xchunked", b"\x0bchunked", b"", b",chunked"),
]
HEADERS: Dict[bytes, List[bytes]] = {
    b"Host": [
        *(b"a:80", b"", b"[::1]:80", b"a b", b"u:p@h", b"a,b", b"a/b", b"\xff", b"h:x", b"["),
        b"a" * 3000,
    ],
    b"Connection": [
        *(b"close", b"keep-alive", b"Close, x", b"upgrade", b"close,close", b",", b"host"),
    ],
    b"Expect": [
        *(b"100-continue", b"100-Continue", b"200-ok", b"", b"100-continue, x", b"100-continue;a"),
    ],
    b"Accept-Encoding": [
        *(b"gzip", b"gzip;q=0", b"identity;q=0", b"*;q=0", b"*", b"gzip;q=2", b"gzip;q=", b"br"),
        *(b"gzip;q=0.5, identity;q=0", b"gzip " * 200, b",,,", b"x-gzip", b"gzip;q=0.0001"),
        *(b"", b"\xff"),
    ],
    b"Content-Encoding": [
        *(b"gzip", b"deflate", b"identity", b"br", b"gzip, gzip", b"", b",", b"gzip, " * 99),
    ],
    b"Content-Type": [
        *(b"text/plain", b"", b"application/json; charset=\xff", b"multipart/form-data", b";"),
    ],
    b"Range": [b"bytes=0-1", b"bytes=-1", b"bytes=1-0", b"bytes=" + b"0-1," * 300, b"x"],
    b"If-None-Match": [b"*", b'"a"'],
    b"If-Modified-Since": [b"Thu, 01 Jan 1970 00:00:00 GMT", b"x"],
    b"X-Mock-Session": [
        *(b"s", b"*", b"a" * 101, b"\xff", b"\0", b"a\tb", b" ", b"\xc3\xa9", b"s, s"),
    ],
    b"X-Mock-Response": [
        *(b"{}", b"x", b'{"text": "a"}', b'{"wire": "trailers"}', b'{"gzip": "always"}'),
    ],
    b"Origin": [b"null", b"http://a", b"", b"\xff", b"*", b"http://127.0.0.1"],
    b"Access-Control-Request-Method": [b"POST", b"\xff", b""],
    b"Access-Control-Request-Headers": [b"*", b"a, b", b"a" * 5000, b"\xe9", b"a\tb"],
    b"Authorization": [
        *(b"Bearer sk-1", b"Basic eDp5", b"Basic !", b"", b"AWS4-HMAC-SHA256 a", b"\xff" * 99),
    ],
    b"Anthropic-Version": [b"2023-06-01", b""],
    b"User-Agent": [b"mistral-client-python/1", b"", b"\xff"],
    b"X-Goog-Api-Key": [b"k", b""],
    b"Cookie": [b"a=b", b";", b"a" * 4000],
    b"Upgrade": [b"h2c", b"websocket"],
    b"HTTP2-Settings": [b"AAMAAABkAARAAAAAAAIAAAAA"],
    b"Transfer-Encoding": CODINGS,
    b"Content-Length": LENGTHS,
    b"Trailer": [b"X-A"],
    b"TE": [b"trailers, deflate;q=0.5"],
    b"X-Forwarded-For": [b"1.1.1.1" * 50],
    b"X-HTTP-Method-Override": [b"DELETE"],
    b"A": [b"1", b"\x01", b"a\0b", b"a\rb", b"a\x0bb", b"\x7f", b"\xa0"],
}
STRANGE_LINES: List[bytes] = [
    *(b"no colon", b" folded: 1", b"\tfolded", b": no name", b"Host : a", b"a b: 1", b"a\0: 1"),
    *(b"Content-Length\t: 5", b"Content-Length :5", b"Transfer-Encoding\x0b: chunked", b"\xe9: 1"),
    *(b"Transfer_Encoding: chunked", b"content-length:", b"Host: b", b"", b"GET / HTTP/1.1"),
    b"X: " + b"a" * 70000,
]
SIZES: List[bytes] = [
    *(b"0x5", b"-5", b"+5", b"5 ", b" 5", b"5\t", b"1_0", b"", b"g", b"f" * 16, b"f" * 17, b"\xb5"),
    *(b"5;a=b", b'5;a="b"', b"5 ; a", b"5;\0", b"5;" + b"a" * 5000, b"5;\xff", b"00005", b"5\0"),
    b"0" * 30,
]
TRAILERS: List[bytes] = [
    *(b"X-A: 1\r\n", b"Content-Length: 5\r\n", b"no colon\r\n", b"a b: 1\r\n", b" x\r\n"),
    *(b"X-A: 1\n", b"X: " + b"a" * 5000 + b"\r\n", b"X: 1\r\n" * 30, b"X: \0\r\n"),
]
LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\r\n ", b"\0\r\n", b"", b"\r\n\r\n", b" \r\n")


def body_of(random: Random) -> bytes:
    """A body: JSON that is asked so, or what would be a request if it were read as one."""
    kind = random.randrange(6)
    if kind == 0:
        return SMUGGLED * random.randrange(1, 3)
    if kind == 1:
        return b""
    if kind == 2:
        return b"\r\n" + SMUGGLED
    value = random.choice(({**CHAT, "stream": True}, {**CLAUDE, "model": "m"}, GOOGLE, CHAT, {}))
    return json.dumps(value).encode()


def coded(random: Random, body: bytes) -> Tuple[List[bytes], bytes]:
    """A body in a content coding, and the header that says so; now and then damaged."""
    name, bits = random.choice(((b"gzip", 31), (b"deflate", 15)))
    packer = zlib.compressobj(wbits=bits)
    data = packer.compress(body) + packer.flush()
    if random.randrange(3) == 0:
        data = spoiled(random, data)
    return [b"Content-Encoding: " + name], data


def chunked(random: Random, body: bytes) -> bytes:
    """A body in chunks, sometimes not as they must be."""
    found = b""
    while body:
        size = random.randrange(1, len(body) + 1)
        mark = b"%x" % size
        if random.randrange(12) == 0:
            mark = random.choice(SIZES)
        end = random.choice(LINE_ENDS) if random.randrange(25) == 0 else b"\r\n"
        after = random.choice(LINE_ENDS) if random.randrange(25) == 0 else b"\r\n"
        found += mark + end + body[:size] + after
        body = body[size:]
    last = random.choice((b"00", b"0;a", b"0 ", b"")) if random.randrange(20) == 0 else b"0"
    trailer = random.choice(TRAILERS) if random.randrange(8) == 0 else b""
    return found + last + b"\r\n" + trailer + b"\r\n"


def header(random: Random, name: Optional[bytes] = None) -> bytes:
    """A header line with a value that is seldom seen."""
    name = name or random.choice(list(HEADERS))
    if name == b"X-Mock-Response" and random.randrange(2):
        return name + b": " + brought(random)
    value = random.choice(HEADERS[name])
    if random.randrange(10) == 0:
        value = spoiled(random, value)
    return name + random.choice((b": ", b": ", b":", b":\t ")) + value


def brought(random: Random) -> bytes:
    """An answer that a request brings along, of those that neither take long nor break HTTP."""
    spec = response_spec(random)
    if isinstance(spec, dict):
        for key in ("fault", "gate", "delay", "pace", "status", "error"):
            spec.pop(key, None)
    return json.dumps(spec).encode()


def one_request(random: Random) -> bytes:
    """A request with up to a handful of things that are not as they should be."""
    line = random.choice(LINES)
    method, _, target = line.partition(b" ")
    version = b" HTTP/1.1"
    if random.randrange(10) == 0:
        method = random.choice(METHODS)
    if random.randrange(8) == 0:
        target = random.choice(TARGETS)
    if random.randrange(10) == 0:
        version = random.choice(VERSIONS)
    headers = [b"Host: a"]
    body = body_of(random) if method not in (b"GET", b"HEAD") or random.randrange(8) == 0 else b""
    if body and random.randrange(10) == 0:
        more, body = coded(random, body)
        headers += more
    if random.randrange(3) == 0:
        headers.append(b"Transfer-Encoding: chunked")
        body = chunked(random, body)
    elif body:
        length = len(body) + random.choice((0,) * 20 + (1, -1, 40))
        headers.append(b"Content-Length: %d" % length)
    headers += [header(random) for _ in range(random.choice((0, 0, 1, 1, 2, 4)))]
    if random.randrange(12) == 0:
        headers.insert(random.randrange(len(headers) + 1), random.choice(STRANGE_LINES))
    if random.randrange(15) == 0:
        del headers[random.randrange(len(headers))]
    random.shuffle(headers)
    head = b"\r\n".join((method + b" " + target + version, *headers)) + b"\r\n\r\n"
    if random.randrange(20) == 0:
        ends = [match.start() for match in re.finditer(rb"\r\n", head)]
        cut = random.choice(ends)
        head = head[:cut] + random.choice(LINE_ENDS) + head[cut + 2 :]
    return head + body


def connection(random: Random) -> Connection:
    """A connection with one to four requests."""
    data = b"".join(one_request(random) for _ in range(random.choice((1, 1, 2, 2, 3, 4))))
    if random.randrange(8) == 0:
        data = spoiled(random, data)
    if random.randrange(15) == 0:
        data = random.choice((b"\r\n", b"\n", b"\r\n\r\n\r\n", b" ", b"\0", b"\x16\x03\x01")) + data
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 2, 6))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)])]
    end = random.choice(("half",) * 6 + ("wait", "close", "reset"))
    return Connection([piece for piece in pieces if piece], end)


def headers_only(random: Random) -> Connection:
    """A good request with odd values in headers, then one without."""
    line = random.choice(LINES[:-2])
    body = json.dumps(CHAT).encode()
    lines = [line + b" HTTP/1.1"]
    odd_ones = [header(random) for _ in range(random.randrange(1, 5))]
    if not any(one.startswith(b"Host") for one in odd_ones):
        lines.append(b"Host: a")
    if b"POST" in line:
        lines.append(b"Content-Length: %d" % len(body))
    else:
        body = b""
    data = b"\r\n".join((*lines, *odd_ones)) + b"\r\n\r\n" + body
    return Connection([data, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], "half")


SEGMENTS: List[bytes] = [
    *(b"", b".", b"..", b"%2F", b"%2e%2e", b"%0D%0AX-Injected:%20yes", b"%00", b"%ff", b"%F0%9F"),
    *(b"%C3%A9%F0%9F%9A%80", b":", b"a:b:c", b"*", b"@s", b"%40s", b"%", b"%zz", b"a" * 2000, b";"),
    *(b"{model}", b"models", b"v1", b"chat", b"completions", b"count-tokens", b"invoke", b"tags"),
    *(b"anthropic.claude-3", b"amazon.nova-x", b"cohere.embed-x", b"gemini:generateContent", b"="),
    *(b"__mock__", b"x:rawPredict", b"arn%3Aaws%3Abedrock%3A%3Ainference-profile%2Fx", b"'\"<>"),
]
QUERIES: List[bytes] = [
    *(
        b"alt=sse",
        b"alt=json",
        b"alt=x",
        b"$alt=json;enum-encoding=int",
        b"key=k",
        b"key=",
        b"=&=&",
    ),
    *(b"api-version=%0D%0AX-Injected:%20yes", b"api-version=2024", b"%00=%00", b"a=%", b"limit=-1"),
    *(b"pageSize=99999999999", b"page_size=x", b"beta=true", b"after_id=%ff", b"?" * 99, b"#a?b"),
]


def odd_target(random: Random, target: bytes) -> bytes:
    """A target some of whose segments are others."""
    segments = target.split(b"/")
    for _ in range(random.randrange(1, 3)):
        place = random.randrange(1, len(segments) + 1)
        kind = random.randrange(5)
        if kind == 0:
            segments.insert(place, random.choice(SEGMENTS))
        elif kind == 1 and place < len(segments):
            del segments[place]
        elif place < len(segments):
            name, colon, verb = segments[place].partition(b":")
            piece = random.choice(SEGMENTS)
            whole = (piece, piece + colon + verb, name + colon + piece, name + piece)
            segments[place] = random.choice(whole)
    query = random.choice((b"", b"?" + b"&".join(random.sample(QUERIES, 2))))
    return b"/" + b"/".join(segments).lstrip(b"/") + query


def exchanged(port: int, sent: Connection) -> Optional[bytes]:
    """What a server answers to a connection up to its end; None where the client does not look.

    A server that goes on for ever is a socket.timeout."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in sent.pieces:
                client.sendall(piece)
            if sent.end not in ("wait", "close", "reset"):
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before it was all sent
        if sent.end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if sent.end in ("close", "reset"):
            return None
        found = b""
        while True:
            try:
                data = client.recv(65536)
            except ConnectionResetError:
                return found
            if not data:
                return found
            found += data


# --- strict readers ---

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
REQUEST = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([0-9])")
STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*")


class Bad(ValueError):
    """Bytes that are no HTTP."""


class Cut(ValueError):
    """Bytes that end too early."""


class Message(NamedTuple):
    """A request or a response: what its first line says, its headers, its body."""

    first: Tuple[bytes, ...]
    headers: List[Tuple[bytes, bytes]]
    body: bytes

    def get(self, name: bytes) -> Optional[bytes]:
        """A header; several of one name are joined."""
        values = [value for other, value in self.headers if other == name]
        return b", ".join(values) if values else None

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.first[0])


def head_of(data: bytes, first: "re.Pattern[bytes]") -> Tuple[Message, bytes]:
    """A message without its body, and what follows its head."""
    end = data.find(b"\r\n\r\n")
    head = data[: end + 2] if end >= 0 else data
    if re.search(rb"(?<!\r)\n|\r(?!\n|\Z)|\0", head):
        raise Bad("a stray control character in a head")
    if end < 0:
        raise Cut("in a head")
    line, *lines = head[:-2].split(b"\r\n")
    match = first.fullmatch(line)
    if not match:
        raise Bad(f"a first line: {line[:80]!r}")
    fields = [FIELD_LINE.fullmatch(line) for line in lines]
    if not all(fields):
        raise Bad("a header line")
    headers = [(field.group(1).lower(), field.group(2)) for field in fields if field]
    return Message(match.groups(), headers, b""), data[end + 4 :]


def chunks_of(data: bytes) -> Tuple[bytes, bytes]:
    """A chunked body, and what follows it."""
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise Cut("in a chunk's head")
        match = CHUNK_HEAD.fullmatch(line)
        if not match:
            raise Bad(f"a chunk's head: {line[:80]!r}")
        size = int(match.group(1), 16)
        if not size:
            break
        if len(data) < size + 2:
            raise Cut("in a chunk")
        if data[size : size + 2] != b"\r\n":
            raise Bad("a chunk's end")
        body, data = body + data[:size], data[size + 2 :]
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise Cut("in trailers")
        if not line:
            return body, data
        if not FIELD_LINE.fullmatch(line):
            raise Bad("a trailer")


def sized(data: bytes, length: bytes) -> Tuple[bytes, bytes]:
    """A body of a length, and what follows it."""
    if not re.fullmatch(rb"[0-9]{1,18}", length):
        raise Bad("a length")
    size = int(length)
    if len(data) < size:
        raise Cut("in a body")
    return data[:size], data[size:]


class Sent(NamedTuple):
    """What a client sent on a connection: the requests about which there is no doubt, what is
    wrong with what follows them, and the method that this seems to have."""

    requests: List[Message]
    wrong: str
    method: bytes

    @property
    def methods(self) -> List[bytes]:
        """Of all that may be answered."""
        return [*(request.first[0] for request in self.requests), self.method]


def requests_in(data: bytes) -> Sent:
    """The requests that are sent on a connection."""
    found: List[Message] = []
    while True:
        data = data.lstrip(b"\r\n")
        if not data:
            return Sent(found, "", b"")
        begun = re.match(TOKEN, data)
        try:
            request, data = head_of(data, REQUEST)
            body, data = body_of_request(request, data)
        except (Bad, Cut) as error:
            return Sent(found, str(error), begun.group() if begun else b"")
        found.append(request._replace(body=body))


def body_of_request(request: Message, data: bytes) -> Tuple[bytes, bytes]:
    """A request's body, and what follows it."""
    coding, length = request.get(b"transfer-encoding"), request.get(b"content-length")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked":
            raise Bad("a framing")
        return chunks_of(data)
    return sized(data, b"0" if length is None else length)


def responses_in(data: bytes, methods: Sequence[bytes] = ()) -> List[Message]:
    """The responses that a connection got; those of 1xx are left out.  Bad or Cut if they are no
    HTTP.  `methods` are those of the requests, for HEAD gets no body."""
    found: List[Message] = []
    while data:
        response, data = head_of(data, STATUS)
        status = response.status
        if status < 200:
            continue
        method = methods[len(found)] if len(found) < len(methods) else b"GET"
        coding, length = response.get(b"transfer-encoding"), response.get(b"content-length")
        if coding is not None and length is not None:
            raise Bad("a length beside a coding")
        body = b""
        if method == b"HEAD" or status in (204, 304):
            pass
        elif coding is not None:
            body, data = chunks_of(data)
        elif length is not None:
            body, data = sized(data, length)
        else:  # HTTP/1.0: to the end
            body, data = data, b""
        found.append(response._replace(body=body))
    return found
