"""Vertex AI (wire formats, section 8).  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional

from ..jsons import estimate, rfc3339
from ..limits import Json
from ..node import Field
from ..values import Call, Failure, Reply, Request, Usage
from .gemini import GEMINI_ERRORS, RATED_MODEL, Gemini, GeminiGenerate, google_cached
from .gemini_more import GeminiBatchEmbed, GeminiCountTokens, GeminiEmbed, GeminiModels

VERTEX_PLACE = "POST /{v1|v1beta1}/projects/{project}/locations/{location}"
VERTEX_MODELS = (
    VERTEX_PLACE + "/publishers/{publisher}/models/{model}:",
    VERTEX_PLACE + "/endpoints/{model}:",
    "POST /{v1beta1|v1}/publishers/{publisher}/models/{model}:",
)
VERTEX_KEY = Failure(
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    code="ACCESS_TOKEN_TYPE_UNSUPPORTED",
)


VERTEX_ERRORS = {
    **GEMINI_ERRORS,
    "no_key": VERTEX_KEY,
    "authentication": VERTEX_KEY,
    "not_found": Failure(404, "Publisher Model `{path}` not found."),
    "rate_limit": Failure(
        429,
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    ),
}


class Vertex(Gemini):
    """What all APIs of Vertex AI share: bearer tokens or, in express mode, API keys; details on every error."""

    provider = "vertex_ai"
    area = ("/v1/projects/", "/v1beta1/projects/", "/v1/publishers/", "/v1beta1/publishers/")
    credentials = ("authorization", "x-goog-api-key", "?key")
    errors: Mapping[str, Failure] = VERTEX_ERRORS
    error_details = {"details": []}
    service = "aiplatform.googleapis.com"

    def exceeded(self, model: str, wait: int) -> List[Json]:
        """How long to wait, and no more."""
        return super().exceeded(model, wait)[-1:]


class VertexGenerate(Vertex, GeminiGenerate):
    """generateContent on Vertex AI: other key order, no candidate index, usage on the last chunk only (8.1)."""

    routes = tuple(
        f"{place}{{verb={verb}}}"
        for place in VERTEX_MODELS
        for verb in ("generateContent", "streamGenerateContent")
    )

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """Role first."""
        return {"role": "model", "parts": parts}

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """With scores."""
        level, score = ("HIGH", 0.95) if blocked else ("NEGLIGIBLE", 0.05)
        return {
            "category": category,
            "probability": level,
            "probabilityScore": score,
            "severity": "HARM_SEVERITY_" + level,
            "severityScore": score,
            **({"blocked": True} if blocked else {}),
        }

    def candidate(
        self, call: Call, index: int, parts: List[Json], stop: Optional[str], whole: bool
    ) -> Dict[str, Json]:
        """Without index unless there are several; with average log probabilities in a whole answer."""
        return {
            "content": self.content(parts),
            **({"finishReason": stop} if stop else {}),
            **({"index": index} if call.choices > 1 else {}),
            **self.ratings(call, stop),
            **({"avgLogprobs": -0.25} if whole else {}),
        }

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """Token counts at the end of the stream, the traffic type always."""
        if not last:
            return {"trafficType": "ON_DEMAND"}
        spoken = usage.output - usage.reasoning
        return {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": spoken,
            "totalTokenCount": usage.total,
            **google_cached(usage),
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": spoken}],
            **({"thoughtsTokenCount": usage.reasoning} if usage.reasoning else {}),
        }

    def envelope(
        self, call: Call, reply: Reply, candidates: List[Json], usage: Dict[str, Json]
    ) -> Dict[str, Json]:
        """With the time of creation, to the microsecond."""
        value = super().envelope(call, reply, candidates, usage)
        response_id = value.pop("responseId")
        created = f"{rfc3339(call.second)}.{int(call.digest[:5], 16) % 1000000:06d}Z"
        return {**value, "createTime": created, "responseId": response_id}


class VertexCountTokens(Vertex, GeminiCountTokens):
    """countTokens, which counts characters too for 1.5-era models (8.1)."""

    routes = tuple(place + "countTokens" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The counts."""
        value = super().whole(call, reply)
        characters = (
            {"totalBillableCharacters": len(re.sub(r"\s", "", call.prompt))}
            if RATED_MODEL.match(call.model)
            else {}
        )
        return {
            "totalTokens": value["totalTokens"],
            **characters,
            "promptTokensDetails": value["promptTokensDetails"],
        }


class VertexEmbed(Vertex, GeminiEmbed):
    """embedContent, with usage (8.1)."""

    routes = tuple(place + "embedContent" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {
            **super().whole(call, reply),
            "usageMetadata": {
                "promptTokenCount": reply.usage.input,
                "totalTokenCount": reply.usage.input,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.usage.input}],
            },
        }


class VertexBatchEmbed(Vertex, GeminiBatchEmbed):
    """batchEmbedContents."""

    routes = tuple(place + "batchEmbedContents" for place in VERTEX_MODELS)


class VertexPredict(Vertex, GeminiEmbed):
    """predict, which the text embedding models answer (8.1)."""

    api = "predict"
    routes = tuple(place + "predict" for place in VERTEX_MODELS)
    fields = {"instances": "an array!"}

    def inputs(self, body: Field) -> List[str]:
        """A text an instance; models of one's own take instances of any kind, which have none."""
        texts = []
        for instance in body.get("instances").items():
            if instance.is_a("an object"):
                texts.append(instance.check({"content": "a string"}).value.get("content") or "")
            else:
                texts.append("")
        return texts

    def whole(self, call: Call, reply: Reply) -> Json:
        """The predictions."""
        return {
            "predictions": [
                {
                    "embeddings": {
                        **vector,
                        "statistics": {"truncated": False, "token_count": estimate(text)},
                    }
                }
                for vector, text in zip(self.vectors(call, reply), call.inputs)
            ]
        }


class VertexModels(Vertex, GeminiModels):
    """The publisher's models."""

    routes = (
        "GET /{v1beta1|v1}/[projects/{project}/locations/{location}/]publishers/{publisher}/models"
        "[/{model:}]",
    )

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Vertex AI's alone."""
        return True

    def entry(self, name: str, publisher: str = "google") -> Dict[str, Json]:
        """One model, with what the vertexai SDK looks for in it (vertexai/_model_garden)."""
        path = f"publishers/{publisher}/models/{name}"
        kind = "text_embedding" if "embedding" in name else "text_generation"
        return {
            "name": path,
            "versionId": "default",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "GA",
            "publisherModelTemplate": "projects/{user-project}/locations/{location}/" + path,
            "predictSchemata": {
                "instanceSchemaUri": f"gs://google-cloud-aiplatform/schema/predict/instance/{kind}_1.0.0.yaml"
            },
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list under the name that Vertex AI gives it."""
        if call.model:
            return self.entry(call.model, call.params["publisher"])
        value = super().whole(call, reply)
        return {
            "publisherModels" if key == "models" else key: inner for key, inner in value.items()
        }
