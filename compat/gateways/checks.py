"""What is tried through every gateway.  A group is a dict of cases; a case says in a few words what
came of it, `as directly` if the same came as without the gateway.

No case relies on a pause: it waits for the journal, or for bytes, or asks again (`first_answers`).
That nothing comes is told by other requests that overtake it (`overtaken`)."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Tuple

from asking import PATIENCE, Api, Door, Open, address, fetched
from harness import SAME, Case, Site, differing, joined

from mock_server import ERROR_KINDS, FAULTS, WIRE_PLANS

TEXT = "Hello — wörld <b> & more"
USAGE = {"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
CALLS = [
    {"name": "get_weather", "arguments": {"city": "Oslo"}},
    {"name": "get_weather", "arguments": {"city": "Rome"}},
]
CONTENT: Dict[str, Any] = {
    "text": {"text": TEXT, "usage": USAGE},
    "reasoning": {"reasoning": "Let me see.", "text": TEXT},
    "tools": {"tool_calls": CALLS, "usage": USAGE},
}
WORDS = ("first", "second", "third", "fourth", "fifth")
SAID = " ".join(WORDS)
# The others touch the content or its coding alone.
TEARING = [name for name in FAULTS if name not in ("drip", "bad_gzip", "malformed")]
# In mid-stream a fault waits until the client has the first word: else a gateway may see both at
# once, or may not.
LATER = {"after_pieces": 2}
FAILURES: Dict[str, Any] = {
    "429": {"error": {"kind": "rate_limit"}},
    "500": {"error": {"kind": "server_error"}},
    "503": {"status": 503, "error": {"kind": "overloaded"}},
    "reset": {"fault": "reset"},
    "close": {"fault": "close"},
    "garbage": {"fault": "garbage"},
    "hang": {"fault": "hang"},
}
OF_CONNECTIONS = ("connection", "date", "x-mock-request-id", "transfer-encoding", "content-length")
OVERTAKING = 100  # requests that go through a gateway while another is held
MEBI = 1 << 20
BOUNDARY = "b-o-u-n-d-a-r-y"
Apis = Mapping[str, Api]  # those that clients of a gateway ask, by name; each has "chat"
ALWAYS = {"operation": ["generate", "embed"]}


def mocks(first: int) -> List[Any]:
    """What the server answers; a failure comes on its `first` port alone, which a gateway asks
    before the second."""
    said: Dict[str, Any] = {f"content {name}": one for name, one in CONTENT.items()}
    said.update({f"error {kind}": {"error": {"kind": kind}} for kind in ERROR_KINDS})
    said.update({f"plan {name}": {"text": TEXT, "wire": name} for name in WIRE_PLANS})
    said.update({f"fault {name}": {"text": SAID, "fault": name} for name in FAULTS})
    for name in TEARING:
        said[f"fault {name} later"] = {"text": SAID, "fault": name, "gate": 1, **LATER}
    broken = {"text": SAID, "error": {"kind": "overloaded"}, "after_pieces": 2}
    said.update({"broken": broken, "gate": {"text": SAID, "gate": 1}})
    said["late"] = {"text": SAID, "delay": 3600}
    found = [{"match": {"user": user}, "response": response} for user, response in said.items()]
    for name, failure in FAILURES.items():
        match = {"user": f"fail {name}", "port": first}
        found.append({"match": match, "response": failure})
    return [*found, {"match": ALWAYS, "response": {"text": "there you are"}}]


# --- asked both ways ---


def both(site: Site, one: Api, user: str, stream: bool, **headers: str) -> str:
    """The outcome of a request, compared with the same without a gateway."""
    return differing(
        site.through.ask(one, user, stream, **headers),
        site.direct.ask(one, user, stream, **headers),
    )


def ways(one: Api) -> List[Tuple[str, bool]]:
    """Whole, and streamed if it streams."""
    return [("whole", False), ("stream", True)][: 2 if one.stream_path else 1]


def streaming(apis: Apis) -> List[str]:
    """The APIs that stream."""
    return [name for name, one in apis.items() if one.stream_path]


def all_ways(site: Site, user: str, name: str = "") -> str:
    """The outcome at each API, or at one, whole and streamed."""
    found = {
        f"{one.name} {way}": both(site, one, user, stream)
        for one in site.apis.values()
        if one.name == name or not name
        for way, stream in ways(one)
    }
    return joined(found)


def content(apis: Apis) -> Dict[str, Case]:
    """Text, thoughts, calls of tools and usage, at every API."""
    return {name: partial(all_ways, user=f"content {name}") for name in CONTENT}


def errors(apis: Apis) -> Dict[str, Case]:
    """Every kind of error: status, body, `retry-after`; and one in mid-stream."""
    found: Dict[str, Case] = {kind: partial(all_ways, user=f"error {kind}") for kind in ERROR_KINDS}
    found["in mid-stream"] = streams_of("broken")
    return found


def streams_of(user: str) -> Case:
    """What comes of the stream of each API."""

    def case(site: Site) -> str:
        found = {name: both(site, site.apis[name], user, True) for name in streaming(site.apis)}
        return joined(found)

    return case


def plans(apis: Apis) -> Dict[str, Case]:
    """Every wire plan, whole and streamed, asking for gzip and not: what is decoded is the same."""

    def case(site: Site, plan: str) -> str:
        found = {
            f"{one.name} {way}{' gzip' if coding == 'gzip' else ''}": both(
                site, one, f"plan {plan}", stream, accept_encoding=coding
            )
            for one in site.apis.values()
            for way, stream in ways(one)
            for coding in ("identity", "gzip")
        }
        return joined(found)

    return {name: partial(case, plan=name) for name in WIRE_PLANS}


def faults(apis: Apis) -> Dict[str, Case]:
    """Every fault: what a client sees of it, whole and streamed, and in mid-stream."""

    def case(site: Site, fault: str) -> str:
        coding = "gzip" if fault == "bad_gzip" else "identity"
        chat = site.apis["chat"]
        return joined(
            {
                way: both(site, chat, f"fault {fault}", stream, accept_encoding=coding)
                for way, stream in ways(chat)
            }
        )

    found: Dict[str, Case] = {name: partial(case, fault=name) for name in FAULTS}
    for name in TEARING:
        found[f"{name} in mid-stream"] = partial(broken_later, user=f"fault {name} later")
    found.update({"hang": hanging, "hang in mid-stream": hanging_later})
    return found


def broken_later(site: Site, user: str) -> str:
    """A fault in mid-stream, once the client has the first word."""
    through, direct = (
        torn(site, door, user, port)
        for door, port in (
            (site.through, site.first),
            (site.direct, address(site.server)[1]),
        )
    )
    return SAME if through == direct else through


def torn(site: Site, door: Door, user: str, port: int) -> str:
    """How a stream ends that breaks behind its first word."""
    site.forget()
    opened = door.opened(site.apis["chat"], user)
    entry = site.journal(user=user, port=port)[-1]
    came = opened.until(WORDS[0].encode())
    site.release_all(entry)
    end = "whole" if opened.rest().endswith(b"0\r\n\r\n") else "cut"
    opened.leave()
    return end if came else f"{end}, without what came before"


# --- under way ---


def overtaken(site: Site, opened: Open, times: int = OVERTAKING) -> bool:
    """Whether nothing came while so many other requests went through the same gateway.  Its loop
    that handed those on has seen the bytes of this one before."""
    for _ in range(times):
        if opened.waiting():
            return False
        site.through.ask(site.apis["chat"], "overtaking")
    return not opened.waiting()


def arrived(site: Site, user: str, count: int = 1) -> Any:
    """The newest request of a user that came to the first port."""
    return site.journal(user=user, port=site.first, count=count)[-1]


def gone(site: Site, user: str) -> str:
    """Whether the server saw that the client left."""
    status, _ = fetched(
        site.server,
        "POST",
        "/__mock__/requests/wait",
        {"match": {"user": user, "port": site.first}, "ended": "client_gone", "timeout": 20},
    )
    return "the server sees it" if status == 200 else "the server is not told"


def hanging(site: Site) -> str:
    """Nothing comes, until the client leaves, or the gateway's patience ends."""
    site.forget()
    opened = site.through.opened(site.apis["chat"], "fault hang", stream=False)
    arrived(site, "fault hang")
    if not overtaken(site, opened, 10):
        return "something comes"
    opened.leave()
    return SAME if gone(site, "fault hang") == "the server sees it" else "the server is not told"


def hanging_later(site: Site) -> str:
    """What came before is there, then nothing more."""
    user = "fault hang later"
    site.forget()
    opened = site.through.opened(site.apis["chat"], user)
    entry = arrived(site, user)
    for word in WORDS[:2]:
        if not opened.until(word.encode()):
            return "ends"
        site.release_all(entry)
    if not overtaken(site, opened, 10):
        return "something comes"
    opened.leave()
    return SAME if gone(site, user) == "the server sees it" else "the server is not told"


def cancellation(apis: Apis) -> Dict[str, Case]:
    """A client leaves: what the server sees."""

    def case(site: Site, name: str, stream: bool, hard: bool) -> str:
        user = "gate" if stream else "late"
        site.forget()
        opened = site.through.opened(site.apis[name], user, stream)
        arrived(site, user)
        if stream and not opened.until(WORDS[0].encode()):
            return "nothing comes before it leaves"
        if hard:  # RST instead of FIN
            linger = struct.pack("ii", 1, 0)
            opened.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        opened.leave()
        return gone(site, user)

    found: Dict[str, Case] = {}
    for name in streaming(apis):
        found[f"{name} stream"] = partial(case, name=name, stream=True, hard=False)
    found["chat stream, reset"] = partial(case, name="chat", stream=True, hard=True)
    found["chat whole"] = partial(case, name="chat", stream=False, hard=False)
    found["chat whole, reset"] = partial(case, name="chat", stream=False, hard=True)
    return found


def gates(apis: Apis) -> Dict[str, Case]:
    """A stream is held behind its first word: whether the client has that word, and each following
    one as soon as it is released."""

    def case(site: Site, name: str, coding: str) -> str:
        site.forget()
        one = site.apis[name]
        opened = site.through.opened(one, "gate", **{"accept-encoding": coding})
        entry = arrived(site, "gate")
        try:
            return stepped(site, opened, entry)
        finally:
            site.release_all(entry)
            opened.rest()
            opened.leave()

    chat = {
        f"chat, {coding}": partial(case, name="chat", coding=coding)
        for coding in ("identity", "gzip")
    }
    others = [name for name in streaming(apis) if name != "chat"]
    return {**chat, **{name: partial(case, name=name, coding="identity") for name in others}}


def stepped(site: Site, opened: Open, entry: Any) -> str:
    """How a gated stream comes."""
    if overtaken(site, opened):
        return "held back"
    for number, word in enumerate(WORDS, 1):
        if not opened.until(word.encode()):
            return f"ends before {word!r}"
        following = WORDS[number : number + 1]
        said = opened.got.partition(b"\r\n\r\n")[2]  # a header may have a word of its own
        if any(each.encode() in said for each in following):
            return f"{following[0]!r} comes before it is released"
        if following:
            site.release(entry)
    return "at once"


# --- failover ---


def failover(apis: Apis) -> Dict[str, Case]:
    """The first server fails, the second one answers: the order in the one journal."""

    def case(site: Site, failure: str, stream: bool) -> str:
        user = f"fail {failure}"
        first_answers(site)
        site.forget()
        door = type(site.failover)(site.failover.url)
        heard = door.ask(site.apis["chat"], user, stream)
        door.close()
        entries = site.journal(user=user)
        ports = [{site.first: "first", site.second: "second"}[one["port"]] for one in entries]
        asked = ", ".join(ports)
        return f"{heard.words}: {asked}"

    return {
        f"{name} {way}": partial(case, failure=name, stream=stream)
        for name in FAILURES
        for way, stream in (("whole", False), ("stream", True))
    }


def first_answers(site: Site) -> None:
    """Wait until the gateway asks the first server again, if a failure makes it avoid that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        site.forget()
        site.failover.ask(site.apis["chat"], "who answers?")
        if site.journal(user="who answers?", ended=True)[0]["port"] == site.first:
            return
        time.sleep(0.05)
    raise AssertionError("the gateway never asks the first server again")


# --- HTTP ---


def sessions(apis: Apis) -> Dict[str, Case]:
    """How a test pins itself to a session through the gateway."""

    def case(site: Site, prefix: str, header: str, name: str) -> str:
        chat = site.apis["chat"]
        one = chat._replace(path=prefix + chat.path)
        headers = {"X-Mock-Session": header} if header else {}
        heard = site.through.ask(one, "hello", **headers)
        if heard.status != 200:
            return heard.words
        entry = site.journal(user="hello", session=name)[-1]
        return SAME if entry["path"] == chat.path else f"at {entry['path']}"

    return {
        "/@NAME": partial(case, prefix="/@by-path", header="", name="by-path"),
        "/%40NAME": partial(case, prefix="/%40by-code", header="", name="by-code"),
        "X-Mock-Session": partial(case, prefix="", header="by-header", name="by-header"),
    }


def trailer(site: Site) -> str:
    """Whether a field behind the last chunk is handed on."""
    path, body = site.apis["chat"].asks("plan trailers", True)
    headers = {"content-type": "application/json", "te": "trailers"}
    found = []
    for url in (site.server, site.through.url):
        opened = Open(url, path, body, headers)
        data = b""
        part = opened.more()
        while part:
            data += part
            part = b"" if ended_with_trailers(data) else opened.more()
        opened.leave()
        found.append(data.rpartition(b"\r\n0\r\n")[2].strip())
    direct, through = found
    assert direct, "the plan sends no trailer"
    return SAME if through.lower() == direct.lower() else "dropped"


def ended_with_trailers(data: bytes) -> bool:
    """Whether the last chunk came, and what follows it."""
    head, found, rest = data.rpartition(b"\r\n0\r\n")
    return bool(found) and (rest == b"\r\n" or rest.endswith(b"\r\n\r\n"))


def form(size: int) -> Tuple[bytes, bytes]:
    """A form of exactly so many bytes with a recording in it, and the recording."""
    lines = [
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="model"',
        "",
        "whisper-1",
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="file"; filename="a.mp3"',
        "Content-Type: audio/mpeg",
        "",
        "",
    ]
    head, tail = "\r\n".join(lines).encode(), f"\r\n--{BOUNDARY}--\r\n".encode()
    pattern = bytes(range(251))
    left = size - len(head) - len(tail)
    sound = (pattern * (left // len(pattern) + 1))[:left]
    return head + sound + tail, sound


def upload(site: Site, size: int, chunked: bool, expect: bool) -> str:
    """Whether a large body arrives as it was sent."""
    site.forget()
    body, sound = form(size)
    lines = ["POST /v1/audio/transcriptions HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"Content-Type: multipart/form-data; boundary={BOUNDARY}"]
    lines += ["Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"]
    lines += ["Expect: 100-continue"] if expect else []
    with socket.create_connection(address(site.through.url), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        told = connection.recv(65536) if expect else b""
        if expect and not told.startswith(b"HTTP/1.1 100 "):
            return "no 100: " + told[:12].decode()
        for piece in pieces(body, chunked):
            connection.sendall(piece)
        said = b"".join(iter(partial(connection.recv, 65536), b""))
    while b" 100 " in said[:15]:  # one more for a client is allowed
        said = said.partition(b"\r\n\r\n")[2]
    if b" 200 " not in said[:15]:
        return said[9:12].decode() or "no answer"
    entry = site.journal(path="/v1/audio/transcriptions", port=site.first)[-1]
    got = entry["fields"]["file"]
    whole = got["size"] == len(sound) and got["sha256"] == hashlib.sha256(sound).hexdigest()
    return SAME if whole else "another body"


def pieces(body: bytes, chunked: bool) -> List[bytes]:
    """A body in what is written at once."""
    if not chunked:
        return [body]
    cut = [body[start : start + MEBI] for start in range(0, len(body), MEBI)]
    return [*(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in cut), b"0\r\n\r\n"]


def reused(site: Site) -> str:
    """A client's connection outlives those of the upstream, which ends each with its answer."""
    site.through.kept.close()
    site.through.ask(site.apis["chat"], "hello")
    kept = site.through.kept.sock
    heard = [site.through.ask(site.apis["chat"], "plan close", stream) for stream in (False, True)]
    heard += [site.through.ask(site.apis["chat"], "plan close") for _ in range(8)]
    if any(one.words != "200" for one in heard):
        return ", ".join(one.words for one in heard)
    return SAME if site.through.kept.sock is kept else "the client's ends, too"


def answer_headers(site: Site) -> str:
    """Which headers of an answer the gateway adds, changes or loses, those of its connection
    aside."""
    path, body = site.apis["chat"].asks("hello", False)
    found = []
    for url in (site.server, site.through.url):
        opened = Open(url, path, body, {"content-type": "application/json", "connection": "close"})
        lines = opened.rest().partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        opened.leave()
        pairs = [line.lower().partition(": ") for line in lines]
        found.append({name: value for name, _, value in pairs if name not in OF_CONNECTIONS})
    direct, through = found
    more = sorted(name for name in through if through[name] != direct.get(name))
    lost = [f"no {name}" for name in sorted(set(direct) - set(through))]
    return ", ".join([*more, *lost]) or SAME


def http(apis: Apis) -> Dict[str, Case]:
    """What HTTP allows: trailers, large bodies, 100-continue, connections that end."""
    large = 16 * MEBI
    return {
        "trailers of an answer": trailer,
        "headers of an answer": answer_headers,
        "16 MiB": partial(upload, size=large, chunked=False, expect=False),
        "16 MiB in chunks": partial(upload, size=large, chunked=True, expect=False),
        "Expect: 100-continue": partial(upload, size=4096, chunked=False, expect=True),
        "the upstream closes": reused,
    }


# --- what a gateway adds ---


def header_names(site: Site, port: int) -> Dict[str, str]:
    """The headers of the newest request of a port."""
    entry = site.journal(user="what is added?", port=port)[-1]
    return {name.lower(): value for name, value in entry["header_lines"]}


def added(site: Site) -> str:
    """Which headers the upstream gets that the client did not send, or that were changed."""
    site.forget()
    chat = site.apis["chat"]
    site.direct.ask(chat, "what is added?")
    site.through.ask(chat, "what is added?")
    direct = header_names(site, address(site.server)[1])
    through = header_names(site, site.first)
    more = sorted(set(through) - set(direct))
    lost = sorted(set(direct) - set(through))
    told = [*more, *(f"no {name}" for name in lost)]
    return ", ".join(told) or SAME


def violations(site: Site) -> str:
    """Which rules of providers are broken by what the gateway asks, whatever the client sent
    without it."""
    site.forget()
    for one in site.apis.values():
        for _, stream in ways(one):
            site.through.ask(one, "is it right?", stream)
    count = sum(len(ways(one)) for one in site.apis.values())
    entries = site.journal(user="is it right?", port=site.first, count=count)
    rules = {one["rule"] for entry in entries for one in entry["violations"]}
    return ", ".join(sorted(rules)) or SAME


def requests(apis: Apis) -> Dict[str, Case]:
    """What the upstream gets."""
    return {"headers that are added": added, "rules that are broken": violations}


GROUPS: Mapping[str, Callable[[Apis], Dict[str, Case]]] = {
    "content": content,
    "errors": errors,
    "plans": plans,
    "faults": faults,
    "gates": gates,
    "cancellation": cancellation,
    "failover": failover,
    "sessions": sessions,
    "http": http,
    "requests": requests,
}
