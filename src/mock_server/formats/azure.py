"""What all APIs of Azure OpenAI share, and the small ones (wire formats, section 6).  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Tuple, cast

from ..jsons import compact, indented, sorted_keys
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field
from ..records import replace
from ..values import Call, ErrorBody, Failure, Request
from .base import uuid
from .openai import OPENAI_ERRORS, OpenAI
from .openai_completions import OpenAICompletions
from .openai_embeddings import OpenAIEmbeddings
from .openai_images import BLOCKED_PICTURE, OpenAIImageEdits, OpenAIImages
from .openai_models import OpenAIModels
from .openai_moderations import OpenAIModerations

# The SDKs put only some APIs under a deployment: chat, completions and embeddings (section 6).
DEPLOYMENT = "POST /openai/deployments/{model}"

# --- What the content filters say ---

SAFE = {"filtered": False, "severity": "safe"}
UNDETECTED = {"detected": False, "filtered": False}

# Of a prompt, of a whole answer and of a piece of one.
PROMPT_FILTERS = {
    "hate": SAFE,
    "jailbreak": UNDETECTED,
    "self_harm": SAFE,
    "sexual": SAFE,
    "violence": SAFE,
}
WHOLE_FILTERS = {
    "hate": SAFE,
    "protected_material_code": UNDETECTED,
    "protected_material_text": UNDETECTED,
    "self_harm": SAFE,
    "sexual": SAFE,
    "violence": SAFE,
}
PIECE_FILTERS = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}

# Laid over one of those where a filter has stopped something.
BLOCKED = {"violence": {"filtered": True, "severity": "high"}}

# --- Headers and errors ---

# Recorded in March 2026 of chat; the resets are bare numbers, unlike OpenAI's (section 6).
AZURE_ENGINE_HEADERS: Headers = (
    ("x-ms-region", "East US 2"),
    ("x-ms-rai-invoked", "true"),
    ("x-accel-buffering", "no"),
    ("x-content-type-options", "nosniff"),
    ("x-ms-is-spilled-over", "false"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-limit-tokens", "50000"),
    ("x-ratelimit-remaining-requests", "499"),
    ("x-ratelimit-remaining-tokens", "49968"),
    ("x-ratelimit-reset-requests", "0"),
    ("x-ratelimit-reset-tokens", "0"),
    ("x-ratelimit-renewalperiod-requests", "60"),
    ("x-ratelimit-renewalperiod-tokens", "60"),
    ("x-ratelimit-abusepenalty-active", "False"),
    ("skip-error-remapping", "true"),
)

# The gateway says the same of a key that is missing and of one that is wrong (section 6).
AZURE_KEY_ERROR = Failure(
    401,
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource.",
)

# Of a token, in a shape of its own (section 6, and many reports).
AZURE_TOKEN_ERROR = Failure(
    401,
    "Unauthorized. Access token is missing, invalid, audience is incorrect "
    "(https://cognitiveservices.azure.com), or have expired.",
)
AZURE_ERRORS: Mapping[str, Failure] = {
    **OPENAI_ERRORS,
    "no_key": AZURE_KEY_ERROR,
    "authentication": AZURE_KEY_ERROR,
    "not_found": Failure(
        404,
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again.",
        code="DeploymentNotFound",
    ),
    "permission": Failure(403, "Access denied due to Virtual Network/Firewall rules."),
    "rate_limit": Failure(
        429,
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
        "2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please "
        "retry after {wait} seconds. Please go here: https://aka.ms/oai/quotaincrease if you "
        "would like to further increase the default rate limit.",
    ),
    "content_filter": Failure(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
        code="content_filter",
        param="prompt",
    ),
}


# Quoted, of a blocked prompt: jeffstric/ZJT, issue 480.
AZURE_PICTURE_ERRORS: Mapping[str, Failure] = {
    **AZURE_ERRORS,
    "content_filter": replace(
        BLOCKED_PICTURE,
        message=BLOCKED_PICTURE.message.replace("help.openai.com", "Azure support ticket"),
    ),
}


class Azure(OpenAI):
    """What all APIs share: headers, errors of a gateway of its own, two kinds of credential."""

    provider = "azure"
    dialect = ""
    area = (
        "/openai/deployments/",
        "/openai/v1/",
        "/openai/models",
        "/openai/moderations",
        "/openai/responses",
    )
    credentials = ("api-key", "authorization")
    wrong_keys = {"authorization": AZURE_TOKEN_ERROR}
    expired_token = AZURE_TOKEN_ERROR
    errors = AZURE_ERRORS
    # Errors from before the engine, in a shape of their own (section 6).
    gateway: Tuple[int, ...] = (401, 403, 404, 429)
    # The seconds of a rate limit are bare, unlike OpenAI's (section 6).
    duration: Callable[[int], str] = staticmethod(str)

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Azure's alone."""
        return True

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The deployment of the path, or under /openai/v1 the model of the body."""
        model = super().model(params, body)
        if not model and body.value is not None:
            body.get("model").expected("a string")
        return model

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request ids, region and rate limits (section 6, recorded)."""
        gateway_id = ("apim-request-id", uuid(call, "apim"))
        if status not in self.gateway:
            return (gateway_id, ("x-request-id", uuid(call, "request")), *AZURE_ENGINE_HEADERS)
        if status == 429:
            return (gateway_id, ("retry-after", str(RETRY_SECONDS)))
        return (gateway_id,)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {"code", "message"}}` from the gateway, OpenAI's shape from the engine."""
        if failure.code == "content_filter":
            return ErrorBody({"error": self.filtered(failure)})
        if failure.code == "BadRequest":
            return ErrorBody({"error": {"code": failure.code, "message": failure.message}})
        if failure.status not in self.gateway:
            return super().failure(call, failure)
        if failure.message == AZURE_TOKEN_ERROR.message:
            return ErrorBody({"statusCode": failure.status, "message": failure.message})
        error = {"code": failure.code or str(failure.status), "message": failure.message}
        if failure.code == "DeploymentNotFound":
            kind = failure.type or "invalid_request_error"
            # Recorded: without Content-Type.
            return ErrorBody({"error": {"type": kind, **error}}, indented, content_type=None)
        if failure.type:
            return ErrorBody({"error": {"type": failure.type, **error}}, indented)
        return ErrorBody({"error": error})

    @staticmethod
    def filtered(failure: Failure) -> Dict[str, Json]:
        """What the engine says of a prompt that the filter has stopped."""
        return {
            "message": failure.message,
            "type": None,
            "param": failure.param,
            "code": failure.code,
            "status": failure.status,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                # In the singular, other than in answers (section 6, quoted from real runs).
                "content_filter_result": {**PROMPT_FILTERS, **BLOCKED},
            },
        }


class AzureGeneration(Azure):
    """What the APIs of deployments share that generate: compact, keys sorted at every level."""

    layout = staticmethod(compact)

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Sorted keys at every level."""
        return cast(Dict[str, Json], sorted_keys(value))


class AzureCompletions(AzureGeneration, OpenAICompletions):
    """Legacy completions of a deployment."""

    routes = (DEPLOYMENT + "/completions", "POST /openai/v1/completions")
    fields = {**OpenAICompletions.fields, "model": "a string"}


class AzureEmbeddings(Azure, OpenAIEmbeddings):
    """Embeddings of a deployment, in OpenAI's layout (section 6, recorded)."""

    routes = (DEPLOYMENT + "/embeddings", "POST /openai/v1/embeddings")
    fields = {**OpenAIEmbeddings.fields, "model": "a string"}


class AzureImages(Azure, OpenAIImages):
    """Generations of a deployment."""

    routes = (DEPLOYMENT + "/images/generations", "POST /openai/v1/images/generations")
    errors = AZURE_PICTURE_ERRORS

    def tells_all(self, call: Call) -> bool:
        """What a deployment's name does not tell, a field tells that those models don't have."""
        return not call.model.startswith("dall-e") and "response_format" not in self.asked(call)


class AzureImageEdits(AzureImages, OpenAIImageEdits):
    """Edits of a deployment."""

    routes = (DEPLOYMENT + "/images/edits", "POST /openai/v1/images/edits")


class AzureModerations(Azure, OpenAIModerations):
    """Moderations; not under a deployment (section 6)."""

    routes = ("POST /openai[/v1]/moderations",)


class AzureModels(Azure, OpenAIModels):
    """Models."""

    routes = ("GET /openai[/v1]/models[/{model}]",)
