"""What is tried through gateways that translate: clients speak Chat Completions, and the server is
asked as each provider that the gateway knows.  A case says in a few words what came of it, `as
directly` if a client is told what the provider said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Set, Tuple

import checks
from asking import APIS, Api, Heard, api, fetched
from checks import CALLS, CONTENT, FAILURES, SAID, TEXT, USAGE, WORDS, arrived, stepped
from harness import SAME, Case, Site, joined
from meaning import Meaning, meaning

from mock_server import ERROR_KINDS, FAULTS, WIRE_PLANS

CHAT = APIS["chat"]
AZURE = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
VERTEX = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"
TURNS = [{"role": "user", "content": "USER"}]
# How each provider is asked without a gateway: what it says is what a client is to be told.
NATIVE: Mapping[str, Api] = {
    "openai": CHAT,
    "responses": APIS["responses"],
    "azure": CHAT._replace(path=AZURE, stream_path=AZURE),
    "gemini": APIS["gemini"],
    "vertex": APIS["gemini"]._replace(
        path=VERTEX + ":generateContent", stream_path=VERTEX + ":streamGenerateContent?alt=sse"
    ),
    "anthropic": APIS["messages"],
    "bedrock": APIS["bedrock"],
    "cohere": api(
        "cohere", "/v2/chat", "/v2/chat", {"model": "command-a-03-2025", "messages": TURNS}
    ),
    "mistral": CHAT._replace(
        path="/mistral/v1/chat/completions", stream_path="/mistral/v1/chat/completions"
    ),
    "ollama": APIS["ollama"],
}
MEANT: Mapping[str, Meaning] = {
    "text": Meaning(TEXT, "", (), "stop"),
    "reasoning": Meaning(TEXT, "Let me see.", (), "stop"),
    "tools": Meaning(
        "", "", tuple((one["name"], one["arguments"]) for one in CALLS), "tool_calls"
    ),
}
COUNTED = {
    "prompt": USAGE["input_tokens"],
    "completion": USAGE["output_tokens"],
    "cached": USAGE["cached_tokens"],
}
HELD = {"match": {"user": "held"}, "response": {"text": TEXT, "delay": 20}}
WAYS = (("whole", False), ("stream", True))
LATER = ("drip", "bad_gzip", "malformed", "hang")  # faults that do not begin in mid-stream, or last


def mocks(first: int) -> List[Any]:
    """What the server answers.  What breaks in mid-stream does so at once: how much of it comes
    before is not compared."""
    found = checks.mocks(first)
    for one in found:
        if one["response"].get("fault"):
            one["response"].pop("gate", None)
    return [HELD, *found]


class Chat(Api):
    """Chat Completions, as a client asks a gateway for them."""

    __slots__ = ()

    def asks(self, user: str, stream: bool) -> Tuple[str, bytes]:
        """With its usage if it is a stream."""
        more: Dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
        return Api(*self)._replace(body={**self.body, **more}).asks(user, stream)


def by(gateway_path: str, model: str, headers: Mapping[str, str]) -> Api:
    """How a client asks a gateway for a model."""
    body = {**CHAT.body, "model": model, "max_tokens": 64}
    return Chat("chat", gateway_path, gateway_path, body, {**CHAT.headers, **headers})


def providers(site: Site) -> List[str]:
    """The providers that a gateway has a backend for."""
    return [name for name in site.apis if name in NATIVE]


Check = Callable[[Site, str], str]


def each(check: Check) -> Case:
    """A case that is tried with every provider."""

    def case(site: Site) -> str:
        return joined({name: check(site, name) for name in providers(site)})

    return case


def both_ways(check: Callable[[Site, str, bool], str]) -> Check:
    """Whole and streamed: one word if both come to the same."""

    def case(site: Site, name: str) -> str:
        return joined({way: check(site, name, stream) for way, stream in WAYS})

    return case


# --- what is said ---


def content() -> Dict[str, Case]:
    """Text, thoughts, calls of tools and usage, whole and streamed."""

    def case(site: Site, name: str, stream: bool, kind: str) -> str:
        found = meaning(site.through.ask(site.apis[name], f"content {kind}", stream))
        wanted = MEANT[kind]
        if "usage" in CONTENT[kind]:
            wanted = wanted._replace(usage=COUNTED)
        if found.error:
            return "an error"
        names = ("text", "thoughts", "calls", "finish") + ("usage",) * bool(wanted.usage)
        return found.besides(wanted, names) or SAME

    return {kind: each(both_ways(partial(case, kind=kind))) for kind in CONTENT}


def plans() -> Dict[str, Case]:
    """Every wire plan, whole and streamed."""

    def case(site: Site, name: str, stream: bool, plan: str) -> str:
        heard = site.through.ask(site.apis[name], f"plan {plan}", stream)
        return SAME if meaning(heard).text == TEXT else fate(heard, TEXT)

    return {plan: each(both_ways(partial(case, plan=plan))) for plan in WIRE_PLANS}


# --- what goes wrong ---


def fate(heard: Heard, text: str) -> str:
    """What a client makes of an answer that may be broken."""
    if heard.end != "whole":
        return "cut"
    found = meaning(heard)
    if heard.status >= 400 or found.error:
        return "an error"
    if found.text == text:
        return "whole"
    return "ends as if it were whole" if found.text else "whole, and nothing in it"


def errors() -> Dict[str, Case]:
    """Every kind of error: status, message, `retry-after`; and one in mid-stream."""

    def case(site: Site, name: str, stream: bool, kind: str) -> str:
        user = f"error {kind}"
        through = site.through.ask(site.apis[name], user, stream)
        direct = site.direct.ask(NATIVE[name], user, stream)
        if direct.status < 400:  # a filter's verdict may be no error
            return SAME if through.status == direct.status else through.words
        if through.status != direct.status:
            return through.words
        if said(direct) not in meaning(through).error:
            return "another message"
        waits = direct.headers.get("retry-after")
        return SAME if through.headers.get("retry-after") == waits else "no retry-after"

    found = {kind: each(both_ways(partial(case, kind=kind))) for kind in ERROR_KINDS}
    found["in mid-stream"] = each(partial(breaks, user="broken"))
    return found


def said(heard: Heard) -> str:
    """The words of an error that a provider answers with."""
    return meaning(heard).error


def breaks(site: Site, name: str, user: str) -> str:
    """Whether a client can see that a stream did not come to its end."""
    came = fate(site.through.ask(site.apis[name], user, True), SAID)
    return SAME if came in ("cut", "an error") else came


def faults() -> Dict[str, Case]:
    """Every fault, before anything came and in mid-stream: whether a client can see it."""

    def case(site: Site, name: str, stream: bool, fault: str) -> str:
        came = fate(site.through.ask(site.apis[name], f"fault {fault}", stream), SAID)
        seen = came == "whole" if fault == "drip" else came in ("cut", "an error")
        return SAME if seen else came

    found: Dict[str, Case] = {"hang": impatient}
    for fault in FAULTS:
        if fault != "hang":
            found[fault] = each(both_ways(partial(case, fault=fault)))
        if fault not in LATER:
            found[f"{fault} later"] = each(partial(breaks, user=f"fault {fault} later"))
    return found


def impatient(site: Site) -> str:
    """A client says how long the gateway is to wait, and nothing comes."""

    def case(name: str, stream: bool) -> str:
        door = type(site.through)(site.through.url)
        try:
            return fate(door.ask(site.apis["impatient " + name], "fault hang", stream), SAID)
        finally:
            door.close()

    asked = [(name, stream) for name in providers(site) for _, stream in WAYS]
    with ThreadPoolExecutor(len(asked)) as pool:
        came = pool.map(lambda one: case(*one), asked)
        found = dict(zip((f"{name} {'stream' if s else 'whole'}" for name, s in asked), came))
    return joined({name: SAME if one == "an error" else one for name, one in found.items()})


# --- under way ---


def gates() -> Dict[str, Case]:
    """A stream is held behind its first word, and behind each following one."""

    def case(site: Site, name: str) -> str:
        site.forget()
        opened = site.through.opened(site.apis[name], "gate")
        entry = arrived(site, "gate")
        try:
            came = stepped(site, opened, entry)
        finally:
            site.release_all(entry)
            opened.rest()
            opened.leave()
        return SAME if came == "at once" else came

    return {"every word": each(case)}


def cancellation() -> Dict[str, Case]:
    """Clients leave, all at once: which of their requests the server sees cancelled.  It is given a
    few seconds; what it has not been told of by then, it will not be."""

    def case(site: Site) -> str:
        site.forget()
        ways = [(name, way, stream) for name in providers(site) for way, stream in WAYS]
        ids: Dict[str, str] = {}
        with ExitStack() as stack:
            for name, way, stream in ways:
                user = "gate" if stream else "held"
                opened = site.through.opened(site.apis[name], user, stream)
                stack.callback(opened.leave)
                ids[f"{name} {way}"] = newest(site, user, set(ids.values()))
                if stream and not opened.until(WORDS[0].encode()):
                    return f"{name}: nothing comes before it leaves"
        gone = left(site, len(ways))
        return joined({name: SAME if one in gone else "not told" for name, one in ids.items()})

    return {"clients leave": case}


def newest(site: Site, user: str, known: Set[str]) -> str:
    """The id of the request that is under way now."""
    count = 1 + sum(one["id"] in known for one in site.journal(user=user, port=site.first))
    entries = site.journal(user=user, port=site.first, count=count)
    return next(str(one["id"]) for one in entries[::-1] if one["id"] not in known)


def left(site: Site, count: int) -> Set[str]:
    """The requests whose clients are gone, as the server knows."""
    match = {"user": {"regex": "^(gate|held)$"}, "port": site.first}
    body: Dict[str, Any] = {"match": match, "ended": "client_gone", "count": count, "timeout": 5}
    fetched(site.server, "POST", "/__mock__/requests/wait?session=*", body)
    entries = site.journal(**match)
    for entry in entries:
        site.release_all(entry)
    return {str(one["id"]) for one in entries if one.get("ended") == "client_gone"}


def failover() -> Dict[str, Case]:
    """The first server fails, the second one answers: the order in the one journal."""

    def case(site: Site, stream: bool, failure: str) -> str:
        user = f"fail {failure}"
        site.forget()
        heard = site.through.ask(site.apis["failover"], user, stream)
        ports = [{site.first: "first", site.second: "second"}[one["port"]] for one in site.journal(user=user)]
        return f"{heard.words}: {', '.join(ports)}"

    return {
        f"{name} {way}": partial(case, failure=name, stream=stream)
        for name in FAILURES
        for way, stream in WAYS
    }


def sessions() -> Dict[str, Case]:
    """How a test pins itself to a session through the gateway."""

    def case(site: Site, name: str) -> str:
        site.forget()
        heard = site.through.ask(site.apis[name], "hello", **{"X-Mock-Session": "by-header"})
        if heard.status != 200:
            return heard.words
        entries = site.journal(user="hello", port=site.first)
        return SAME if entries[-1]["session"] == "by-header" else "lost"

    return {"X-Mock-Session": each(case)}


GROUPS: Mapping[str, Callable[[], Dict[str, Case]]] = {
    "content": content,
    "errors": errors,
    "plans": plans,
    "faults": faults,
    "gates": gates,
    "cancellation": cancellation,
    "failover": failover,
    "sessions": sessions,
}
