"""The members of a response of OpenAI's Responses, most of which repeat the request.  Pure."""

from __future__ import annotations

from typing import Dict, Mapping

from ..errors import MISSING
from ..limits import Json

UNFINISHED = ("queued", "in_progress")

# The members of a response in their order (5.5, recorded).  What stands here is sent unless the
# request has the member, which it may, or the response says it itself; what is MISSING is there
# only if the request has it (typed in openai-py 3.57).
ALL_MEMBERS: Mapping[str, Json] = {
    "id": None,
    "object": "response",
    "created_at": None,
    "status": None,
    "access_programs": MISSING,
    "background": False,
    "billing": {"payer": "developer"},
    "completed_at": None,
    "conversation": MISSING,
    "error": None,
    "frequency_penalty": 0.0,
    "image": MISSING,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": None,
    "moderation": None,
    "output": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt": MISSING,
    "prompt_cache_key": None,
    "prompt_cache_options": MISSING,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"context": None, "effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}
RESPONSE_MEMBERS = {name: value for name, value in ALL_MEMBERS.items() if value is not MISSING}
RARE_MEMBERS = frozenset(ALL_MEMBERS.keys() - RESPONSE_MEMBERS.keys())


# What some of them have besides what the request says of them (typed).
COMPLETED: Mapping[str, Mapping[str, Json]] = {
    "prompt": {"id": None, "version": None, "variables": None},
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
}


def asked_members(body: Mapping[str, Json]) -> Dict[str, Json]:
    """All members in their order, as the request has them."""
    rare: Dict[str, Json] = {}
    if not RARE_MEMBERS.isdisjoint(body):
        rare = rare_members(body)
    members = dict(RESPONSE_MEMBERS)
    if rare:
        known = {**members, **rare}
        members = {name: known[name] for name in ALL_MEMBERS if name in known}
    members.update((name, body[name]) for name in RESPONSE_MEMBERS if body.get(name) is not None)
    return members


def rare_members(body: Mapping[str, Json]) -> Dict[str, Json]:
    """Those that few requests have."""
    found = {name: body[name] for name in RARE_MEMBERS if body.get(name) is not None}
    # A conversation is asked for by its id alone, too.
    if isinstance(found.get("conversation"), str):
        found["conversation"] = {"id": found["conversation"]}
    for name in found.keys() & COMPLETED.keys():
        found[name] = {**COMPLETED[name], **found[name]}
    return found


def response_tier(body: Mapping[str, Json], status: str) -> str:
    """The tier of a response: the one that is asked for, or the usual one."""
    tier = body.get("service_tier")
    if tier not in (None, "auto"):
        return str(tier)
    # Until the last event, then the real tier (5.5); what failed has none (recorded).
    if status in UNFINISHED or status == "failed":
        return "auto"
    return "default"
