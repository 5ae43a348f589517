"""Gemini on Vertex AI: where it differs from Google's other API (wire formats, 8.1).  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Tuple

from ..ids import estimate, rfc3339
from ..limits import Json
from ..node import Field
from ..values import Call, Failure, Reply, Request, Usage
from .gemini import GEMINI_ERRORS, Gemini
from .gemini_embeddings import GeminiBatchEmbed, GeminiEmbed
from .gemini_generate import (
    RATED_MODEL,
    End,
    GeminiCountTokens,
    GeminiGenerate,
    google_cached_tokens,
    google_text_tokens,
)
from .gemini_models import GeminiModels
from .google_errors import GOOGLE_TOKEN_ERROR, google_retry_info
from .shapes import present

VERTEX_PLACE = "POST /{v1|v1beta1}/projects/{project}/locations/{location}"
VERTEX_MODELS = (
    VERTEX_PLACE + "/publishers/{publisher}/models/{model}:",
    VERTEX_PLACE + "/endpoints/{model}:",
    # Express mode: with an API key no project is named.
    "POST /{v1beta1|v1}/publishers/{publisher}/models/{model}:",
)
# Those of the Gemini API but for these, which were recorded or quoted here.
VERTEX_ERRORS = {
    **GEMINI_ERRORS,
    "no_key": GOOGLE_TOKEN_ERROR,
    "authentication": GOOGLE_TOKEN_ERROR,
    "not_found": Failure(404, "Publisher Model `{path}` not found."),
    "rate_limit": Failure(
        429,
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    ),
}
MOST_EMBEDDED = 250  # texts that an embedding model takes in one request
TOO_MANY_EMBEDDED = (
    "Unable to submit request because it has a batchSize value of {} but the supported range is "
    "from 1 (inclusive) to {} (exclusive)."
)


def is_imagen(model: str) -> bool:
    """Whether a model makes pictures, by its name."""
    return model.startswith(("imagen", "imagegeneration"))


class Vertex(Gemini):
    """What all APIs of Vertex AI share: bearer tokens or, in express mode, API keys."""

    provider = "vertex_ai"
    area = ("/v1/projects/", "/v1beta1/projects/", "/v1/publishers/", "/v1beta1/publishers/")
    credentials: Tuple[str, ...] = ("authorization", "x-goog-api-key", "?key")
    # Express mode's keys are refused as those of the Gemini API are.
    wrong_keys: Mapping[str, Failure] = dict.fromkeys(
        credentials[1:], GEMINI_ERRORS["authentication"]
    )
    has_bearer_keys = True
    errors: Mapping[str, Failure] = VERTEX_ERRORS
    always_details = True  # even if there are none (recorded)
    service = "aiplatform.googleapis.com"

    # There is no Retry-After (2.5): clients read the wait here.
    def quota_details(self, model: str, failure: Failure) -> List[Json]:
        """How long to wait, and no more."""
        return [google_retry_info(failure.wait)]


class VertexGenerate(Vertex, GeminiGenerate):
    """generateContent with another order of keys, more counts, and those on the last event only."""

    # All that differs was recorded (8.1).
    routes = tuple(
        f"{place}{{verb={verb}}}"
        for place in VERTEX_MODELS
        for verb in ("generateContent", "streamGenerateContent")
    )

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """Role first."""
        if not any(parts):
            return {}
        return {"role": "model", "parts": parts}

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """With scores."""
        # Two scores and a severity more than the Gemini API has (8.1).
        level = "HIGH" if blocked else "NEGLIGIBLE"
        score = 0.95 if blocked else 0.05
        rating: Dict[str, Json] = {
            "category": category,
            "probability": level,
            "probabilityScore": score,
            "severity": "HARM_SEVERITY_" + level,
            "severityScore": score,
        }
        if blocked:
            rating["blocked"] = True
        return rating

    def candidate(
        self, call: Call, index: int, parts: List[Json], end: End, whole: bool
    ) -> Dict[str, Json]:
        """With an index only among several, and log probabilities only in a whole answer."""
        candidate = {"content": self.content(parts), **present(finishReason=end.reason)}
        # There was none in recordings, which are of one candidate each.
        if call.choices > 1:
            candidate["index"] = index
        candidate.update(self.ratings(call, end.reason))
        candidate.update(present(finishMessage=end.message))
        if whole and any(parts):
            candidate["avgLogprobs"] = -0.25
        return candidate

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """The traffic type always, token counts at the end of the stream."""
        # No counts before the end (recorded): some clients crash on that.
        if not last:
            return {"trafficType": "ON_DEMAND"}
        spoken = usage.output - usage.reasoning
        counts: Dict[str, Json] = {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": spoken,
            "totalTokenCount": usage.total,
            **google_cached_tokens(usage),
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": google_text_tokens(usage.input),
            "candidatesTokensDetails": google_text_tokens(spoken),
        }
        # It stands last here (8.1).
        if usage.reasoning:
            counts["thoughtsTokenCount"] = usage.reasoning
        return counts

    def envelope(
        self, call: Call, reply: Reply, candidates: List[Json], usage: Dict[str, Json]
    ) -> Dict[str, Json]:
        """With the time of creation, to the microsecond, before the id."""
        response = super().envelope(call, reply, candidates, usage)
        # The id comes last (recorded).
        response_id = response.pop("responseId")
        microseconds = int(call.digest[:5], 16) % 1000000
        response["createTime"] = f"{rfc3339(call.second)}.{microseconds:06d}Z"
        response["responseId"] = response_id
        return response


class VertexCountTokens(Vertex, GeminiCountTokens):
    """countTokens, which counts characters too for 1.5-era models."""

    routes = tuple(place + "countTokens" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The counts."""
        counts = {"totalTokens": reply.usage.input}
        if RATED_MODEL.match(call.model):
            counts["totalBillableCharacters"] = len(re.sub(r"\s", "", call.prompt))
        return {**counts, "promptTokensDetails": google_text_tokens(reply.usage.input)}


class VertexEmbed(Vertex, GeminiEmbed):
    """embedContent, with usage."""

    routes = tuple(place + "embedContent" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        tokens = reply.usage.input
        usage = {
            "promptTokenCount": tokens,
            "totalTokenCount": tokens,
            "promptTokensDetails": google_text_tokens(tokens),
        }
        return {**super().whole(call, reply), "usageMetadata": usage}


class VertexBatchEmbed(Vertex, GeminiBatchEmbed):
    """batchEmbedContents."""

    routes = tuple(place + "batchEmbedContents" for place in VERTEX_MODELS)


class VertexPredict(Vertex, GeminiEmbed):
    """predict, which the text embedding models answer."""

    api = "predict"
    routes = tuple(place + "predict" for place in VERTEX_MODELS)
    fields = {"instances": "an array!"}
    # Of the two bounds this one holds for any model, the other for those that embed texts; both are
    # quoted from topoteretes/cognee, pull request 4856.
    too_many = "{most} instance(s) is allowed per prediction. Actual: {found}"

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The path of Imagen is alike."""
        return not is_imagen(params["model"])

    def inputs(self, body: Field) -> List[str]:
        """A text an instance; models of one's own take instances of any kind, which have none."""
        texts: List[str] = []
        instances = self.counted(body.get("instances"))
        for instance in instances.items():
            text = None
            if instance.is_a("an object"):
                text = instance.check({"content": "a string"}).value.get("content")
            texts.append(text or "")
        number = len([text for text in texts if text])
        if number > MOST_EMBEDDED:
            what = f"an array of at most {MOST_EMBEDDED} texts"
            instances.expected(what, TOO_MANY_EMBEDDED.format(number, MOST_EMBEDDED + 1))
        return texts

    def whole(self, call: Call, reply: Reply) -> Json:
        """The predictions."""
        predictions = []
        for embedding, text in zip(self.embeddings(call, reply), call.inputs):
            statistics = {"truncated": False, "token_count": estimate(text)}
            predictions.append({"embeddings": {**embedding, "statistics": statistics}})
        return {"predictions": predictions}


class VertexModels(Vertex, GeminiModels):
    """The publisher's models."""

    routes = (
        "GET /{v1beta1|v1}/[projects/{project}/locations/{location}/]publishers/{publisher}/models"
        "[/{model:}]",
    )
    members = "publisherModels"

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Vertex AI's alone."""
        return True

    def entry(self, name: str, publisher: str = "google") -> Dict[str, Json]:
        """One model."""
        path = f"publishers/{publisher}/models/{name}"
        kind = "text_embedding" if "embedding" in name else "text_generation"
        # The vertexai SDK looks for it (vertexai/_model_garden).
        schema = f"gs://google-cloud-aiplatform/schema/predict/instance/{kind}_1.0.0.yaml"
        return {
            "name": path,
            "versionId": "default",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "GA",
            "publisherModelTemplate": "projects/{user-project}/locations/{location}/" + path,
            "predictSchemata": {"instanceSchemaUri": schema},
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """A page of the list, or the publisher's one model."""
        if call.model:
            return self.entry(call.model, call.params["publisher"])
        return super().whole(call, reply)
