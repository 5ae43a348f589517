"""Imagen: the pictures of Google's `predict`, at the Gemini API and on Vertex AI.  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional, Tuple

from ..ids import estimate
from ..limits import Json
from ..node import Field
from ..outcomes import Usually
from ..state import State
from ..values import Call, Failure, Reply, Request, Text, Turn, Usage
from .base import choices_of
from .gemini import GEMINI_ERRORS, GEMINI_MODEL, Gemini, pick
from .gemini_contents import pick_field
from .pictures import picture_of_type
from .shapes import present
from .vertex import VERTEX_ERRORS, VERTEX_MODELS, Vertex, VertexPredict, is_imagen

PNG_TYPE = "image/png"
# Quoted: google-marketing-solutions/adios, issue 62.
BLOCKED_PROMPT = Failure(
    400,
    "Image generation failed with the following error: The prompt could not be submitted. Your "
    "current safety filter threshold prohibited one or more words in this prompt. If you think "
    "this was an error, send feedback. Support codes: 61493863",
)
# That such a prediction has nothing else is quoted: vercel/ai, issue 10796.
FILTERED = {
    "raiFilteredReason": "Unable to show generated images. All images were filtered out because "
    "they violated Google's Responsible AI practices. Support codes: 61493863"
}


class GeminiImagen(Gemini):
    """predict of an Imagen model; a neutral text is the prompt as it was enhanced."""

    operation, api = "image", "predict"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "predict",)
    fields = {"instances": "an array!", "parameters": "an object"}
    speaks = frozenset((Text,))
    errors: Mapping[str, Failure] = {**GEMINI_ERRORS, "content_filter": BLOCKED_PROMPT}
    most_inputs = 1
    too_many = VertexPredict.too_many

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt is the user's text."""
        instances = self.counted(body.get("instances"))
        if not instances.value:
            instances.expected("an array with one instance")
        for instance in instances.objects():
            yield Turn("user", instance.check({"prompt": "a string!"}).value["prompt"])

    def choices(self, body: Field) -> int:
        """`sampleCount`."""
        return choices_of(pick_field(body.get("parameters"), "sampleCount"), 8)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """A picture, of a prompt that was not enhanced."""
        usage = Usage(estimate(call.prompt), 1, is_guess=True)
        return Reply((Text(""),), "stop", usage, call.model)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The predictions."""
        if reply.stop == "content_filter":
            return {"predictions": [FILTERED]}
        return {"predictions": [self.prediction(call, reply)] * call.choices}

    def prediction(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """A picture, in the format that is asked for."""
        output = pick(call.body.get("parameters") or {}, "outputOptions") or {}
        asked = pick(output, "mimeType") if isinstance(output, dict) else None
        picture = picture_of_type(str(asked))
        media_type = PNG_TYPE if picture == picture_of_type(PNG_TYPE) else asked
        return {
            "mimeType": media_type,
            "bytesBase64Encoded": picture,
            **present(prompt=reply.text(Text) or None),
        }


class VertexImagen(Vertex, GeminiImagen):
    """The same on Vertex AI, where other models' `predict` embeds texts."""

    routes = tuple(place + "predict" for place in VERTEX_MODELS)
    errors = {**VERTEX_ERRORS, "content_filter": BLOCKED_PROMPT}

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The model's name tells it."""
        return is_imagen(params["model"])
