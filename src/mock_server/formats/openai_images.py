"""OpenAI's images: generations, edits, and the picture that a url leads to.  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple

from ..errors import BadField
from ..ids import estimate
from ..limits import Json
from ..node import Field
from ..outcomes import Usually
from ..records import replace
from ..state import State
from ..values import Call, Failure, Reply, Text, Turn, Usage
from .openai import OPENAI_ERRORS, OpenAI
from .openai_forms import OpenAIForms
from .openai_images_reading import (
    GPT_IMAGE,
    PICTURE_FIELDS,
    check_picture,
    check_wishes,
    code_of,
    number_between,
    picture_usage,
    settled_looks,
)
from .pictures import PICTURES, PNG_BYTES
from .places import IMAGE_PLACES
from .shapes import named_by_type, present

# Quoted, of a blocked prompt: CarrotMangaTranslator, issue 122.
BLOCKED_PICTURE = Failure(
    400,
    "Your request was rejected by the safety system. If you believe this is an error, contact us "
    "at help.openai.com and include the request ID req_mock. safety_violations=[violence].",
    "image_generation_user_error",
    "moderation_blocked",
)


class OpenAIImages(OpenAI):
    """Generations; a neutral text is the prompt as it was revised."""

    operation, api = "image", "generations"
    routes: Tuple[str, ...] = ("POST /v1/images/generations", "POST {prefix*}/images/generations")
    fields = PICTURE_FIELDS
    speaks = frozenset((Text,))
    may_stream = True
    stream_type = "text/event-stream; charset=utf-8"
    errors: Mapping[str, Failure] = {**OPENAI_ERRORS, "content_filter": BLOCKED_PICTURE}
    places = IMAGE_PLACES
    event = "image_generation"  # what the names of its events begin with

    # --- what is asked ---

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt is the user's text."""
        check_wishes(body)
        yield Turn("user", body.value["prompt"])

    def choices(self, body: Field) -> int:
        """`n`."""
        return number_between(body.get("n"), 1, 10, 1)

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))

    def asked(self, call: Call) -> Mapping[str, Json]:
        """What a call asks for."""
        body: Mapping[str, Json] = call.body
        return body

    def complaint(self, wrong: BadField) -> Failure:
        """With the code of what is said of numbers and words."""
        failure = super().complaint(wrong)
        return replace(failure, code=code_of(wrong.sentence) or failure.code)

    # --- what is answered ---

    def tells_all(self, call: Call) -> bool:
        """Whether the model that is asked is one of those that tell all of a picture."""
        return GPT_IMAGE.match(call.model) is not None

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """A picture; GPT image models don't say what they made of the prompt."""
        text = "" if self.tells_all(call) else call.user
        usage = Usage(estimate(call.prompt), 1, is_guess=True)
        return Reply((Text(text),), "stop", usage, call.model)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The pictures, and what they are like."""
        settings = settled_looks(self.asked(call))
        data = [self.picture(call, reply, settings, index) for index in range(call.choices)]
        if not self.tells_all(call):
            return {"created": call.second, "data": data}
        return {
            "created": call.second,
            "background": settings["background"],
            "data": data,
            "output_format": settings["output_format"],
            "quality": settings["quality"],
            "size": settings["size"],
            "usage": picture_usage(reply, settings),
        }

    def picture(
        self, call: Call, reply: Reply, settings: Mapping[str, str], index: int
    ) -> Dict[str, Json]:
        """One picture: in base64, or where it is."""
        revised = present(revised_prompt=reply.text(Text) or None)
        if self.tells_all(call) or self.asked(call).get("response_format") == "b64_json":
            return {**revised, "b64_json": PICTURES[settings["output_format"]]}
        return {**revised, "url": picture_url(call, index)}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The same picture several times: in part, as they are called, and complete."""
        settings = settled_looks(self.asked(call))
        picture = {
            "b64_json": PICTURES[settings["output_format"]],
            "created_at": call.second,
            **settings,
        }
        partial, completed = self.event + ".partial_image", self.event + ".completed"
        usage = picture_usage(reply, settings)
        del usage["output_tokens_details"]  # of which streams have none (openai-py's types)
        for _ in range(call.choices):
            for index in range(self.asked(call).get("partial_images") or 0):
                yield partial, {"type": partial, "partial_image_index": index, **picture}
            yield completed, {"type": completed, **picture, "usage": usage}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """An event of that name."""
        # As openai-py reads errors from any stream: `error` in the data.
        yield "error", {"type": "error", "error": self.error(failure)}

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        return named_by_type(values)


class OpenAIImageEdits(OpenAIForms, OpenAIImages):
    """Edits: a form with the pictures to edit, answered as generations are."""

    api = "edits"
    routes: Tuple[str, ...] = ("POST /v1/images/edits", "POST {prefix*}/images/edits")
    files = {"image": True, "mask": False}
    event = "image_edit"

    def check_file(self, file: Field) -> None:
        """Its part of the form says that it is a picture; its bytes are not asked."""
        check_picture(file)


def picture_url(call: Call, index: int) -> str:
    """Where a picture of an answer is: at the server itself, under the name it was called by."""
    request = call.request
    scheme = "https" if request.is_tls else "http"
    host = request.headers.get("host") or f"127.0.0.1:{request.port}"
    return f"{scheme}://{host}/v1/images/img-{call.token(f'picture {index}', 24)}.png"


class OpenAIPicture(OpenAI):
    """What the urls of pictures lead to: at OpenAI another host, which asks for no credential."""

    operation = api = "picture"
    routes = ("GET /v1/images/{picture}.png",)
    credentials = ()
    speaks = frozenset()
    needs_mock = False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The picture."""
        return PNG_BYTES

    def whole_type(self, call: Call) -> str:
        """No JSON."""
        return "image/png"


class OpenAIVariations(OpenAI):
    """Variations, which are no more: OpenAI knows the path as little as any other wrong one."""

    operation, api = "image", "variations"
    routes = ("POST /v1/images/variations", "POST {prefix*}/images/variations")
    takes_form = True
    speaks = frozenset()
    needs_mock = False

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What is said of an unknown path."""
        return Failure(404, f"Invalid URL (POST {call.path})", "invalid_request_error", code="")
