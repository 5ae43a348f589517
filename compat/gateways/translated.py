"""What is tried through gateways that translate: clients speak Chat Completions, and the server is
asked as each provider that the gateway knows.  A case says in a few words what came of it, `as
directly` if a client is told what the provider said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

import checks
from asking import APIS, Api, Door, Heard, api, fetched
from checks import CALLS, CONTENT, FAILURES, SAID, TEXT, USAGE, WORDS, arrived, stepped
from harness import SAME, Case, Site, joined, outcome
from meaning import Meaning, meaning

from mock_server import ERROR_KINDS, FAULTS, WIRE_PLANS

CHAT = APIS["chat"]
AZURE = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
VERTEX = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"
TURNS = [{"role": "user", "content": "USER"}]


def chat_at(path: str, model: str) -> Api:
    """Chat Completions where a provider has them."""
    return CHAT._replace(path=path, stream_path=path, body={**CHAT.body, "model": model})


# How each provider is asked without a gateway: what it says is what a client is to be told.
NATIVE: Mapping[str, Api] = {
    "openai": CHAT,
    "responses": APIS["responses"]._replace(
        body={**APIS["responses"].body, "model": CHAT.body["model"]}
    ),
    "azure": chat_at(AZURE, "gpt-4o"),
    "gemini": APIS["gemini"],
    "vertex": APIS["gemini"]._replace(
        path=VERTEX + ":generateContent", stream_path=VERTEX + ":streamGenerateContent?alt=sse"
    ),
    "anthropic": APIS["messages"],
    "bedrock": APIS["bedrock"],
    "cohere": api(
        "cohere", "/v2/chat", "/v2/chat", {"model": "command-a-03-2025", "messages": TURNS}
    ),
    "mistral": chat_at("/mistral/v1/chat/completions", "mistral-large-latest"),
    "ollama": APIS["ollama"],
    "ollama-v1": chat_at("/ollama/v1/chat/completions", "llama3.2"),
}
MEANT: Mapping[str, Meaning] = {
    "text": Meaning(TEXT, "", (), "stop"),
    "reasoning": Meaning(TEXT, "Let me see.", (), "stop"),
    "tools": Meaning("", "", tuple((one["name"], one["arguments"]) for one in CALLS), "tool_calls"),
}
COUNTED = {
    "prompt": USAGE["input_tokens"],
    "completion": USAGE["output_tokens"],
    "cached": USAGE["cached_tokens"],
}
UNCOUNTED: Mapping[str, Mapping[str, None]] = {"ollama": {"cached": None}}  # it has no word for it
HELD = {"match": {"user": "held"}, "response": {"text": TEXT, "delay": 20}}
LAST = {"connection": "close"}  # so that the end of an answer is seen, whatever it is
FINISHES = ("stop", "length", "tool_calls", "content_filter")
TOGETHER = 4  # cases at a time
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


Check = Callable[[Site, str], str]
Cases = Dict[str, Case]


def each(names: Sequence[str], title: str, check: Check) -> Cases:
    """A case with every provider."""
    return {f"{title}, {name}": partial(check, name=name) for name in names}


def ways_of(names: Sequence[str], title: str, check: Callable[..., str], **more: str) -> Cases:
    """A case with every provider, whole and streamed: one word if both come to the same."""

    def case(site: Site, name: str) -> str:
        return joined({way: check(site, name, stream, **more) for way, stream in WAYS})

    return each(names, title, case)


def gathered(parts: Iterable[Cases]) -> Cases:
    """All of them."""
    return {name: case for part in parts for name, case in part.items()}


def at_once(site: Site, cases: Cases) -> Cases:
    """The same cases, tried several at a time: most of what they take is waiting for each other's
    processes."""

    def alone(case: Case) -> str:
        own = copy(site)
        own.through, own.direct = Door(site.through.url), Door(site.direct.url)
        try:
            return outcome(case, own)
        finally:
            own.through.close()
            own.direct.close()

    with ThreadPoolExecutor(TOGETHER) as pool:
        found = dict(zip(cases, pool.map(alone, cases.values())))
    return {name: partial(answered, said=said) for name, said in found.items()}


def answered(_: Site, said: str) -> str:
    """What came of a case before."""
    return said


# --- what is said ---


def content(names: Sequence[str]) -> Cases:
    """Text, thoughts, calls of tools and usage, whole and streamed."""

    def check(site: Site, name: str, stream: bool, kind: str) -> str:
        found = meaning(site.through.ask(site.apis[name], f"content {kind}", stream))
        if found.error:
            return "can't be read"
        wanted = MEANT[kind]
        told = ["text", "thoughts", "calls", "finish"]
        if "usage" in CONTENT[kind]:
            wanted = wanted._replace(usage={**COUNTED, **UNCOUNTED.get(name, {})})
            told.append("usage")
        return found.besides(wanted, told) or SAME

    return gathered(ways_of(names, kind, check, kind=kind) for kind in CONTENT)


def plans(names: Sequence[str]) -> Cases:
    """Every wire plan, whole and streamed."""

    def check(site: Site, name: str, stream: bool, plan: str) -> str:
        heard = site.through.ask(site.apis[name], f"plan {plan}", stream)
        return SAME if meaning(heard).text == TEXT else fate(heard, TEXT)

    return gathered(ways_of(names, plan, check, plan=plan) for plan in WIRE_PLANS)


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
    if not found.text:
        return "nothing"
    if found.finish and found.finish not in FINISHES:
        return f"finish_reason is {found.finish}"
    return "ends as if it were whole" if found.finish else "just ends"


def noticed(heard: Heard) -> str:
    """Whether a client can see that an answer is broken.  How much of it came before may be another
    thing each time."""
    came = fate(heard, SAID)
    if came in ("cut", "an error"):
        return SAME
    return "just ends" if came == "nothing" else came


def errors(names: Sequence[str]) -> Cases:
    """Every kind of error: status, message, `retry-after`; and one in mid-stream."""

    def check(site: Site, name: str, stream: bool, kind: str) -> str:
        user = f"error {kind}"
        through = site.through.ask(site.apis[name], user, stream)
        direct = site.direct.ask(NATIVE[name], user, stream)
        if through.status != direct.status:
            return f"{through.words}, not {direct.status}"
        if direct.status < 400:  # a filter's verdict may be no error
            return SAME
        words = meaning(direct).error.partition("\n")[0]
        if words not in meaning(through).error.replace("\\", ""):
            return "another message"
        waits = direct.headers.get("retry-after")
        return SAME if through.headers.get("retry-after") == waits else "no retry-after"

    def broken(site: Site, name: str) -> str:
        return noticed(site.through.ask(site.apis[name], "broken", True))

    found = gathered(ways_of(names, kind, check, kind=kind) for kind in ERROR_KINDS)
    return {**found, **each(names, "in mid-stream", broken)}


def faults(names: Sequence[str]) -> Cases:
    """Every fault, before anything came and in mid-stream: whether a client can see it."""

    def check(site: Site, name: str, stream: bool, fault: str) -> str:
        heard = site.through.ask(site.apis[name], f"fault {fault}", stream)
        if fault == "drip":  # it is slow, and nothing else
            came = fate(heard, SAID)
            return SAME if came == "whole" else came
        return noticed(heard)

    def later(site: Site, name: str, fault: str) -> str:
        return noticed(site.through.ask(site.apis[name], f"fault {fault} later", True))

    def hanging(site: Site, name: str, stream: bool) -> str:
        """Of a gateway that can't be told how long to wait nothing is asked."""
        one = site.apis.get("impatient " + name)
        return noticed(site.through.ask(one, "fault hang", stream)) if one else SAME

    begun = [fault for fault in FAULTS if fault != "hang"]
    found = gathered(ways_of(names, fault, check, fault=fault) for fault in begun)
    for fault in begun:
        if fault not in LATER:
            found.update(each(names, f"{fault} later", partial(later, fault=fault)))
    return {**found, **ways_of(names, "hang", hanging)}


# --- under way ---


def gates(names: Sequence[str]) -> Cases:
    """A stream is held behind its first word, and behind each following one."""

    def check(site: Site, name: str) -> str:
        site.forget()
        opened = site.through.opened(site.apis[name], "gate", **LAST)
        entry = arrived(site, "gate")
        try:
            return stepped(site, opened, entry)
        finally:
            site.release_all(entry)
            opened.rest()
            opened.leave()

    return each(names, "every word", check)


def cancellation(names: Sequence[str]) -> Cases:
    """A client leaves: whether the server sees that.  They all leave at once, and the server is
    given a few seconds; what it has not been told of by then, it will not be."""
    asked = [(f"{way}, {name}", name, stream) for name in names for way, stream in WAYS]
    known: Dict[str, str] = {}

    def check(site: Site, title: str) -> str:
        if not known:
            known.update(all_leave(site, asked))
        return known[title]

    return {title: partial(check, title=title) for title, *_ in asked}


def all_leave(site: Site, asked: Sequence[Tuple[str, str, bool]]) -> Dict[str, str]:
    """What comes of requests whose clients all leave."""
    site.forget()
    ids: Dict[str, str] = {}
    came: Dict[str, str] = {}
    with ExitStack() as stack:
        for title, name, stream in asked:
            user = "gate" if stream else "held"
            opened = site.through.opened(site.apis[name], user, stream, **LAST)
            stack.callback(opened.leave)
            ids[title] = newest(site, [*ids.values()])
            if stream and not opened.until(WORDS[0].encode()):
                came[title] = "nothing comes before it leaves"
    match = {"user": {"regex": "^(gate|held)$"}, "port": site.first}
    body: Dict[str, Any] = {"match": match, "ended": "client_gone", "timeout": 5}
    body["count"] = len(ids) - len(came)
    fetched(site.server, "POST", "/__mock__/requests/wait?session=*", body)
    entries = site.journal(**match)
    for entry in entries:
        site.release_all(entry)
    gone = {one["id"] for one in entries if (one["ended"] or "").startswith("client_")}
    seen = {True: "the server sees it", False: "the server is not told"}
    return {**{title: seen[one in gone] for title, one in ids.items()}, **came}


def newest(site: Site, known: Sequence[str]) -> str:
    """The id of the request that came last."""
    match = {"user": {"regex": "^(gate|held)$"}, "port": site.first}
    entries = site.journal(count=len(known) + 1, **match)
    return next(str(one["id"]) for one in entries if one["id"] not in known)


def failover(names: Sequence[str]) -> Cases:
    """The first server fails, the second one answers: the order in the one journal."""

    def check(site: Site, failure: str, stream: bool) -> str:
        user = f"fail {failure}"
        site.forget()
        heard = site.through.ask(site.apis["failover"], user, stream)
        ports = {site.first: "first", site.second: "second"}
        asked = ", ".join(ports[one["port"]] for one in site.journal(user=user))
        return f"{heard.words}: {asked}"

    return {
        f"{failure} {way}": partial(check, failure=failure, stream=stream)
        for failure in FAILURES
        for way, stream in WAYS
    }


def sessions(names: Sequence[str]) -> Cases:
    """How a test pins itself to a session through the gateway."""

    def check(site: Site, name: str) -> str:
        site.forget()
        heard = site.through.ask(site.apis[name], "hello", X_Mock_Session="by-header")
        if heard.status != 200:
            return heard.words
        session = site.journal(user="hello", port=site.first)[-1]["session"]
        return SAME if session == "by-header" else "lost"

    return each(names, "X-Mock-Session", check)


def requests(names: Sequence[str]) -> Cases:
    """Which rules of providers are broken by what the gateway asks."""

    def check(site: Site, name: str) -> str:
        site.forget()
        for _, stream in WAYS:
            site.through.ask(site.apis[name], "is it right?", stream)
        entries = site.journal(user="is it right?", port=site.first, count=len(WAYS))
        return (
            ", ".join(sorted({one["rule"] for entry in entries for one in entry["violations"]}))
            or SAME
        )

    return each(names, "rules that are broken", check)


IN_PARALLEL = ("content", "errors", "plans", "faults")
GROUPS: Mapping[str, Callable[[Sequence[str]], Cases]] = {
    "content": content,
    "errors": errors,
    "plans": plans,
    "faults": faults,
    "gates": gates,
    "cancellation": cancellation,
    "failover": failover,
    "sessions": sessions,
    "requests": requests,
}
