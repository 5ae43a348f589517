"""What follows a create of OpenAI's Responses: it is retrieved, streamed once more, cancelled,
deleted, its input listed (wire formats, 5.5).  Pure, but for what the session remembers."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from ..errors import Refused
from ..limits import Json
from ..node import Field
from ..outcomes import Recorded, Usually
from ..records import replace
from ..state import CANCELLED, State, Stored
from ..values import Call, Failure, Reply, Request
from .azure import AZURE_ERRORS
from .azure_responses import AzureEngine
from .extras import NOWHERE
from .mute import Mute
from .openai import OPENAI_ERRORS
from .responses import OpenAIResponses, before_end
from .responses_input import MOST_LISTED, input_items, page
from .responses_items import secret_thought
from .responses_members import UNFINISHED
from .shapes import items_within

# As vLLM says it; that OpenAI does is unverified.
NO_RESPONSE = Failure(404, "Response with id '{id}' not found.")
# An event stream of nothing, where all events were seen already.
NOTHING_LEFT = Recorded(frames=(b": nothing more\n\n",), kind="an event stream")
LONG_STORED = 64 * 1024  # bytes of memory
MOST_REPLAYED = 50_000  # events of one stream: each takes a thousand bytes of memory
SPELT_FLAGS = {"true": True, "false": False}


def queried(request: Request) -> Field:
    """The query of a request, with its numbers and flags read."""
    query: Dict[str, Json] = dict(request.query)
    for name in ("limit", "starting_after"):
        text = query.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 10:
            query[name] = int(text)
    for name in ("stream", "include_obfuscation"):
        query[name] = SPELT_FLAGS.get(query.get(name, "").lower(), query.get(name))
    return Field(query)


class StoredResponse(Mute, OpenAIResponses):
    """What all calls about a stored response share; they answer without a mock."""

    operation = "stored"
    fields = {}
    has_custom_tools = False
    places = NOWHERE
    may_stream = False
    needs_mock = False
    is_stateful = True
    stores = False
    takes_body = False
    errors: Mapping[str, Failure] = {**OPENAI_ERRORS, "not_found": NO_RESPONSE}
    front_door = (401,)  # a response is looked for behind it

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """All that is asked stands in the path and the query."""
        asked = queried(request).check({"stream": "a boolean", "include_obfuscation": "a boolean"})
        asked.get("starting_after").integer("an integer of 0 or more", 0, float("inf"), None)
        asked.get("limit").integer(f"an integer from 1 to {MOST_LISTED}", 1, MOST_LISTED, None)
        if asked.value.get("order") not in (None, "asc", "desc"):
            asked.get("order").expected("one from asc, desc")
        stream = bool(self.may_stream) and bool(asked.value["stream"])
        return replace(self.begun(request, params), stream=stream, body=None)

    def informed(self, call: Call, state: State) -> Call:
        """The call with the model that answered."""
        stored = state.responses.get(call.params["id"])
        return replace(call, model=stored.call.model) if stored else call

    def takes_long(self, call: Call, state: State) -> bool:
        """Whether it is made of much: of a stream, of a conversation, or of a long answer."""
        stored = state.responses.get(call.params["id"])
        if stored is None:
            return False
        return call.stream or self.api == "input_items" or stored.size > LONG_STORED

    def changes(self, call: Call) -> bool:
        """Each depends on what came before."""
        return True

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """The usual one, with the id that was asked for."""
        usual = usual.replace("{id}", call.params.get("id", ""))
        return super().sentence(call, failure, usual)

    def broken_off(
        self, call: Call, reply: Reply, failure: Failure, sent: int
    ) -> Iterator[Tuple[str, Json]]:
        """The error alone: what was stored does not fail by it."""
        return self.interruption(call, failure, sent)

    def own(self, call: Call, state: State) -> Usually:
        """What is said of a response, if there is one with this id."""
        stored = self.found(call, state)
        if stored is None:
            # Also where a dialect means a model by what is not found.
            return replace(
                NO_RESPONSE, message=self.sentence(call, NO_RESPONSE, NO_RESPONSE.message)
            )
        return self.about(call, stored, state)

    def found(self, call: Call, state: State) -> Optional[Stored]:
        """The response that is asked for."""
        return state.responses.get(call.params["id"])

    def about(self, call: Call, stored: Stored, state: State) -> Usually:
        """What is said of it."""
        raise NotImplementedError


def as_it_is(stored: Stored) -> Dict[str, Json]:
    """The response object as it is now."""
    whole: Dict[str, Json] = stored.whole()
    if stored.status:
        return before_end(stored.call, whole, stored.status)
    return dict(whole)


class OpenAIRetrieve(StoredResponse):
    """A response, or the events of its stream."""

    api = "retrieve"
    routes: Tuple[str, ...] = ("GET /v1/responses/{id}", "GET {prefix*}/responses/{id}")
    may_stream = True

    def about(self, call: Call, stored: Stored, state: State) -> Usually:
        """The object; in the background each look at it finds it one step further."""
        if call.stream:
            return self.replayed(call, stored, state)
        with state.lock:
            if call.method == "GET":  # HEAD is to change nothing
                stored.poll()
            response = as_it_is(stored)
        wanted = [text for name, text in call.query.items() if name.startswith("include")]
        if any("reasoning.encrypted_content" in text for text in wanted):
            response["output"] = with_secrets(stored.call, output_of(response))
        return Recorded(body=response)

    def replayed(self, call: Call, stored: Stored, state: State) -> Recorded:
        """The events behind the one that was seen last; who has them all has seen it end."""
        asked = queried(call.request).value
        seen = asked.get("starting_after", -1)
        if call.method == "GET":
            with state.lock:
                stored.end()
        values = [value for value in events_now(stored) if sequence_number(value) > seen]
        if asked["include_obfuscation"] is False:
            values = [
                {key: value[key] for key in value if key != "obfuscation"} for value in values
            ]
        return Recorded(values=tuple(values)) if values else NOTHING_LEFT


def sequence_number(event: Mapping[str, Json]) -> float:
    """The number of an event; 0 where one that was recorded has none."""
    found = event.get("sequence_number")
    return found if isinstance(found, (int, float)) else 0


def events_now(stored: Stored) -> List[Json]:
    """The events of a response as it is now: one that was cancelled went no further than to be in
    progress."""
    if stored.status != CANCELLED:
        values = list(itertools.islice(stored.events(), MOST_REPLAYED + 1))
        if len(values) > MOST_REPLAYED:
            message = f"streams of at most {MOST_REPLAYED} events are told once more"
            raise Refused(400, message, code="answer_too_large")
        return values
    begun = ("response.created", *(f"response.{status}" for status in UNFINISHED))
    values = list(itertools.takewhile(lambda value: value.get("type") in begun, stored.events()))
    last = {"type": "response.cancelled", "response": as_it_is(stored)}
    return [*values, {**last, "sequence_number": len(values)}]


def output_of(response: Mapping[str, Json]) -> List[Dict[str, Json]]:
    """The output items of a response; one that was recorded may hold anything."""
    return [item for item in items_within(response, "output") if isinstance(item, dict)]


def with_secrets(call: Call, output: List[Dict[str, Json]]) -> List[Json]:
    """Output items whose thoughts are there encrypted."""
    return [
        {**item, "encrypted_content": secret_thought(call, at)}
        if item.get("type") == "reasoning" and "encrypted_content" not in item
        else item
        for at, item in enumerate(output)
    ]


class OpenAICancel(StoredResponse):
    """Cancels what is made in the background."""

    api = "cancel"
    routes: Tuple[str, ...] = (
        "POST /v1/responses/{id}/cancel",
        "POST {prefix*}/responses/{id}/cancel",
    )

    def about(self, call: Call, stored: Stored, state: State) -> Usually:
        """The object; what has ended stays as it is."""
        if not stored.in_background:
            return Failure(400, "Cannot cancel a synchronous response.")
        with state.lock:
            stored.cancel()
            return Recorded(body=as_it_is(stored))


class OpenAIDelete(StoredResponse):
    """Deletes a response."""

    api = "delete"
    routes: Tuple[str, ...] = ("DELETE /v1/responses/{id}", "DELETE {prefix*}/responses/{id}")

    def found(self, call: Call, state: State) -> Optional[Stored]:
        """The response, which is gone with that: of two who delete it one finds it."""
        return state.forget(call.params["id"])

    def about(self, call: Call, stored: Stored, state: State) -> Usually:
        """That it is gone."""
        return Recorded(body={"id": stored.name, "object": "response", "deleted": True})


class OpenAIInputItems(StoredResponse):
    """The input of a response, with all that it goes on from."""

    api = "input_items"
    routes: Tuple[str, ...] = (
        "GET /v1/responses/{id}/input_items",
        "GET {prefix*}/responses/{id}/input_items",
    )

    def about(self, call: Call, stored: Stored, state: State) -> Usually:
        """A page of the items."""
        items: List[Dict[str, Json]] = []
        for one in state.chain(stored):
            items += input_items(one.call)
            if one is not stored:
                items += output_of(as_it_is(one))
        try:
            return Recorded(body=page(items, queried(call.request).value))
        except ValueError:  # else who pages on from there would begin again, and never end
            return Failure(400, "No item of this list has the id in 'after' or 'before'.")


class AzureStored(AzureEngine):
    """What they share at Azure: errors of the engine, headers."""

    errors: Mapping[str, Failure] = {**AZURE_ERRORS, "not_found": NO_RESPONSE}
    gateway = (401, 403, 429)


class AzureRetrieve(AzureStored, OpenAIRetrieve):
    """The same at Azure's paths."""

    routes = ("GET /openai[/v1]/responses/{id}",)


class AzureCancel(AzureStored, OpenAICancel):
    """The same at Azure's paths."""

    routes = ("POST /openai[/v1]/responses/{id}/cancel",)


class AzureDelete(AzureStored, OpenAIDelete):
    """The same at Azure's paths."""

    routes = ("DELETE /openai[/v1]/responses/{id}",)


class AzureInputItems(AzureStored, OpenAIInputItems):
    """The same at Azure's paths."""

    routes = ("GET /openai[/v1]/responses/{id}/input_items",)
