"""What a recorded mock asks of a request, so that it answers that and no other.  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from ..formats.all import OTHER
from ..formats.base import WireFormat, can_stream
from ..histories import answers_in_one, conversation_in, history_of, speaker_of
from ..http import WITH_BODY
from ..jsons import compact, within
from ..key_lines import is_secret_parameter
from ..limits import DIALECTS, Json
from ..mocks.match import ALL_OTHERS, UNASKED_QUERY
from ..mocks.silence import PROMPTED
from ..mocks.templates import walked
from ..values import CONVERSING, Call
from .deciding import PASSED_OVER, as_spelled, fields_kind, tell_body, tell_form
from .lately import tell_last
from .scrubbing import Scrubber
from .wants import LONGEST_TOLD, Asking

# Operations of which the path says what is asked.
BY_PATH = frozenset(("models", "stored", "server", "picture", OTHER))
# Parameters that lead to another page of a list, or into the midst of a stream: without them it is
# the first, or all of it.  Where nobody knows them, there are to be no others.
PAGES: Mapping[str, Tuple[str, ...]] = {
    "openai stored": ("after", "starting_after"),
    "azure stored": ("after", "starting_after"),
    "anthropic models": ("after_id", "before_id"),
    "gemini models": ("pageToken",),
    "vertex_ai models": ("pageToken",),
    f" {OTHER}": (ALL_OTHERS,),
}
SAID_BY_KEYS = frozenset(("model", "stream"))  # keys of a match


def match_of(wire: WireFormat, call: Call, scrubber: Scrubber) -> Dict[str, Json]:
    """The `match` of the recording of a call's answer."""
    asking = Asking(call, scrubber)
    tell_place(wire, asking)
    if call.operation in BY_PATH:
        tell_path(asking)
    elif call.operation in CONVERSING and call.api != "ocr":
        tell_conversation(asking)
    else:
        asking.ask("user", asked_text(call, "user"))
        tell_body(asking)
    return asking.match()


def tell_place(wire: WireFormat, asking: Asking) -> None:
    """Ask for who is asked, and in which way."""
    call, keys = asking.call, asking.keys
    if call.provider:
        keys["provider"] = call.provider
    # Hosts with OpenAI's format may be recorded beside it, and asked for the same.
    if call.dialect and (call.provider == DIALECTS[0] or call.dialect != call.provider):
        keys["dialect"] = call.dialect
    if call.operation != "generate":
        keys["operation"] = call.operation
    if call.api:
        keys["api"] = call.api
    if call.model:
        asking.ask("model", call.model)
    if can_stream(wire) or call.operation == OTHER:
        keys["stream"] = call.stream


def asked_text(call: Call, name: str) -> Optional[str]:
    """A text of the call; none where nothing is there, not even an empty one."""
    text: str = getattr(call, name)
    if not text and name not in call.blank:
        return None
    return text


def tell_path(asking: Asking) -> None:
    """Ask for the path, with its query and, if there is one, the body."""
    call = asking.call
    if call.operation == OTHER:
        asking.keys["method"] = call.method
    asking.ask("path", call.path)
    tell_query(asking, [name for name in call.query if not is_secret_parameter(name)])
    if isinstance(call.said, dict):
        tell_body(asking)
        tell_no_more(asking)
    elif call.request.body or (call.operation == OTHER and call.method in WITH_BODY):
        tell_text_or_list(asking)


def tell_no_more(asking: Asking) -> None:
    """Ask on a path of no provider for a body in which nothing else is said: nobody knows what that
    would change.  Not where something is left out, for that may be another one each time."""
    call, said = asking.call, asking.call.said
    if (
        call.operation != OTHER
        or call.request.form is not None
        or asking.scrubber.value(said) != said
    ):
        return
    if not (PASSED_OVER - SAID_BY_KEYS) & set(said):
        asking.keys["body_sha256"] = call.body_sha256


def tell_text_or_list(asking: Asking) -> None:
    """Ask for a body that is no object; of a long one, and of one with a key in it, for a hash."""
    said = asking.call.said
    text = said if isinstance(said, str) else compact(said)
    if len(text) <= LONGEST_TOLD and asking.scrubber.text(text) == text:
        asking.keys["body"] = said
    else:
        asking.keys["body_sha256"] = asking.call.body_sha256


def tell_query(asking: Asking, names: List[str]) -> None:
    """Ask for parameters of the query, and for no other page of a list."""
    call = asking.call
    query = {name: asking.matcher(call.query[name]) for name in names if name not in UNASKED_QUERY}
    for name in PAGES.get(f"{call.provider} {call.operation}", ()):
        query.setdefault(name, None)
    if query:
        asking.keys["query"] = query


def tell_conversation(asking: Asking) -> None:
    """Ask for what is said, what was said before, and in which form the answer is to be."""
    call = asking.call
    asking.ask("system", asked_text(call, "system"))
    asking.ask("user", asked_text(call, "user"))
    if call.api in PROMPTED:
        tell_prompt(asking)
    else:
        asking.keys["turn"] = call.turn
        asking.ask("tool_result", call.tool_result)
        if call.history:
            asking.keys["history"] = replayed_history(asking)
        tell_tools(asking)
        tell_last(asking)
    tell_form(asking)
    if call.stream and call.api == "generateContent":
        tell_framing(asking)
    # The body of an invoke request is packed, and says what is counted.
    if isinstance(within(call.body, "input", "invokeModel", "body"), str):
        asking.keys["body_sha256"] = call.body_sha256


def replayed_history(asking: Asking) -> Optional[str]:
    """The history of the request as it comes when earlier answers are replays: in those the
    client's own key is scrubbed, too."""
    _, messages = conversation_in(asking.call.body)
    replayed = [
        asking.scrubber.value(one) if speaker_of(one) == "assistant" else one
        for one in answers_in_one(messages)
    ]
    return history_of({"messages": replayed})


def tell_prompt(asking: Asking) -> None:
    """Ask for a prompt that is no text, or could be read as one."""
    prompt = within(asking.call.body, "prompt")
    if isinstance(prompt, list):
        asking.whole("prompt")
    elif isinstance(prompt, str) and "\n" in prompt:
        asking.leaf("prompt.0", None)


def tell_framing(asking: Asking) -> None:
    """Ask for how Google's events are framed."""
    query = asking.call.query
    name = "$alt" if "$alt" in query else "alt"
    asking.keys["query"] = {name: query.get(name)}


def tell_tools(asking: Asking) -> None:
    """Ask for the tools, and that there are no others."""
    call = asking.call
    names = [name for name in dict.fromkeys(call.tools) if asking.scrubber.text(name) == name]
    if names:
        asking.keys["tools"] = list(names)
    place = "tools"
    if fields_kind(asking) == "converse":
        place = "toolConfig.tools"
    tools = walked(call.body, place)
    if tools is None:
        asking.leaf(place, None)
    elif place == "toolConfig.tools":
        specified = [at for at, tool in enumerate(tools) if "cachePoint" not in tool]
        for at in range(max(specified, default=-1) + 1, len(tools) + 1):
            asking.leaf(f"{place}.{at}.toolSpec", None)  # a cache point may be there
    elif isinstance(tools, list):
        for index, tool in enumerate(tools):
            kind = tool.get("type")
            if kind not in (None, "function", "custom", *call.tools):
                asking.leaf(f"tools.{index}.type", kind)
        if call.api == "generateContent":
            tell_declared(asking, tools)
        asking.leaf(f"tools.{len(tools)}", None)


def tell_declared(asking: Asking, tools: List[Dict[str, Json]]) -> None:
    """Ask for how many functions each of Google's tools declares, and for those that have no name:
    the search and the like."""
    for index, tool in enumerate(tools):
        name = as_spelled(tool, "functionDeclarations")
        declared = tool.get(name)
        if isinstance(declared, list):
            asking.leaf(f"tools.{index}.{name}.{len(declared)}", None)
    unnamed: List[Json] = [
        {name: {} for name, value in tool.items() if isinstance(value, dict)} for tool in tools
    ]
    if any(unnamed):
        asking.body["tools"] = unnamed
