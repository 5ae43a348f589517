"""What a recorded mock asks of a request, so that it answers that and no other.  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from ..formats.all import OTHER
from ..formats.base import WireFormat, can_stream
from ..jsons import compact, within
from ..limits import Json
from ..mocks.silence import PROMPTED
from ..mocks.templates import walked
from ..secrets import SECRET
from ..values import CONVERSING, Call
from .deciding import kind_of, spelled, tell_body, tell_form
from .lately import tell_last
from .scrubbing import Scrubber
from .wanted import LONGEST_TOLD, Wanted

# Operations of which the path says what is asked.
BY_PATH = frozenset(("models", "stored", "server", "picture", OTHER))
# Parameters that lead to another page of a list: without them it is the first.
PAGES: Mapping[str, Tuple[str, ...]] = {
    "openai stored": ("after",),
    "azure stored": ("after",),
    "anthropic models": ("after_id", "before_id"),
    "gemini models": ("pageToken",),
    "vertex_ai models": ("pageToken",),
    f" {OTHER}": ("after", "cursor", "offset", "page", "page_token", "pageToken"),
}
UNASKED_QUERY = frozenset(("api-version", "key"))


def match_of(wire: WireFormat, call: Call, scrubber: Scrubber) -> Dict[str, Json]:
    """The `match` of the recording of a call's answer."""
    wanted = Wanted(call, scrubber)
    tell_place(wire, wanted)
    if call.operation in BY_PATH:
        tell_path(wanted)
    elif call.operation in CONVERSING and call.api != "ocr":
        tell_conversation(wanted)
    else:
        wanted.ask("user", asked_text(call, "user"))
        tell_body(wanted)
    return wanted.match()


def tell_place(wire: WireFormat, wanted: Wanted) -> None:
    """Ask for who is asked, and in which way."""
    call, keys = wanted.call, wanted.keys
    if call.provider:
        keys["provider"] = call.provider
    if call.dialect not in ("", "openai", call.provider):
        keys["dialect"] = call.dialect
    if call.api:
        keys["api"] = call.api
    if call.model:
        wanted.ask("model", call.model)
    if can_stream(wire) or call.operation == OTHER:
        keys["stream"] = call.stream


def asked_text(call: Call, name: str) -> Optional[str]:
    """A text of the call; none where nothing is there, not even an empty one."""
    text: str = getattr(call, name)
    if not text and name not in call.blank:
        return None
    return text


def tell_path(wanted: Wanted) -> None:
    """Ask for the path, with its query and, if there is one, the body."""
    call = wanted.call
    if call.operation == OTHER:
        wanted.keys["method"] = call.method
    wanted.ask("path", call.path)
    tell_query(wanted, [name for name in call.query if not SECRET.fullmatch(name)])
    said = call.said
    if isinstance(said, dict):
        tell_body(wanted)
    elif said not in (None, "", []) and call.request.body:
        text = said if isinstance(said, str) else compact(said)
        if len(text) <= LONGEST_TOLD and wanted.scrubber.text(text) == text:
            wanted.keys["body"] = said
        else:
            wanted.keys["body_sha256"] = call.body_sha256


def tell_query(wanted: Wanted, names: List[str]) -> None:
    """Ask for parameters of the query, and for no other page of a list."""
    call = wanted.call
    query = {name: wanted.matcher(call.query[name]) for name in names if name not in UNASKED_QUERY}
    for name in PAGES.get(f"{call.provider} {call.operation}", ()):
        query.setdefault(name, None)
    if query:
        wanted.keys["query"] = query


def tell_conversation(wanted: Wanted) -> None:
    """Ask for what is said, what was said before, and in which form the answer is to be."""
    call = wanted.call
    wanted.ask("system", asked_text(call, "system"))
    wanted.ask("user", asked_text(call, "user"))
    if call.api in PROMPTED:
        tell_prompt(wanted)
    else:
        wanted.keys["turn"] = call.turn
        wanted.ask("tool_result", call.tool_result)
        wanted.keys["history"] = call.history
        tell_tools(wanted)
        tell_last(wanted)
    tell_form(wanted)
    if call.stream and call.api == "generateContent":
        tell_framing(wanted)
    # The body of an invoke request is packed, and says what is counted.
    if isinstance(within(call.body, "input", "invokeModel", "body"), str):
        wanted.keys["body_sha256"] = call.body_sha256


def tell_prompt(wanted: Wanted) -> None:
    """Ask for a prompt that is no text, or could be read as one."""
    prompt = within(wanted.call.body, "prompt")
    if isinstance(prompt, list):
        wanted.whole("prompt")
    elif isinstance(prompt, str) and "\n" in prompt:
        wanted.leaf("prompt.0", None)


def tell_framing(wanted: Wanted) -> None:
    """Ask for how Google's events are framed."""
    query = wanted.call.query
    name = "$alt" if "$alt" in query else "alt"
    wanted.keys["query"] = {name: query.get(name)}


def tell_tools(wanted: Wanted) -> None:
    """Ask for the tools, and that there are no others."""
    call = wanted.call
    names = [name for name in dict.fromkeys(call.tools) if wanted.scrubber.text(name) == name]
    if names:
        wanted.keys["tools"] = list(names)
    place = "tools"
    if kind_of(wanted) == "converse":
        place = "toolConfig.tools"
    tools = walked(call.body, place)
    if tools is None:
        wanted.leaf(place, None)
    elif place == "toolConfig.tools":
        specified = [at for at, tool in enumerate(tools) if "cachePoint" not in tool]
        for at in range(max(specified, default=-1) + 1, len(tools) + 1):
            wanted.leaf(f"{place}.{at}.toolSpec", None)  # a cache point may be there
    elif isinstance(tools, list):
        for index, tool in enumerate(tools):
            kind = tool.get("type")
            if kind not in (None, "function", "custom", *call.tools):
                wanted.leaf(f"tools.{index}.type", kind)
        if call.api == "generateContent":
            tell_declared(wanted, tools)
        wanted.leaf(f"tools.{len(tools)}", None)


def tell_declared(wanted: Wanted, tools: List[Dict[str, Json]]) -> None:
    """Ask for how many functions each of Google's tools declares, and for those that have no name:
    the search and the like."""
    for index, tool in enumerate(tools):
        name = spelled(tool, "functionDeclarations")
        declared = tool.get(name)
        if isinstance(declared, list):
            wanted.leaf(f"tools.{index}.{name}.{len(declared)}", None)
    unnamed: List[Json] = [
        {name: {} for name, value in tool.items() if isinstance(value, dict)} for tool in tools
    ]
    if any(unnamed):
        wanted.body["tools"] = unnamed
