"""Azure OpenAI (wire formats, section 6).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple, cast

from ..jsons import compact, indented, sorted_keys
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Limit, Reply, Request
from .base import uuid
from .openai import OPENAI_ERRORS, REASONING_MODEL, OpenAI, OpenAIChat
from .openai_more import OpenAICompletions, OpenAIEmbeddings, OpenAIModels, OpenAIModerations

DEPLOYMENT = "POST /openai/deployments/{model}"


SAFE = {"filtered": False, "severity": "safe"}


COMPLETION_FILTERS = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), SAFE)


PROMPT_FILTERS = {
    "hate": SAFE,
    "jailbreak": {"detected": False, "filtered": False},
    **dict.fromkeys(("self_harm", "sexual", "violence"), SAFE),
}


WHOLE_FILTERS = {
    "hate": SAFE,
    "protected_material_code": {"detected": False, "filtered": False},
    "protected_material_text": {"detected": False, "filtered": False},
    **dict.fromkeys(("self_harm", "sexual", "violence"), SAFE),
}


PROMPT_RESULTS = [{"prompt_index": 0, "content_filter_results": PROMPT_FILTERS}]


BLOCKED = {"violence": {"filtered": True, "severity": "high"}}


AZURE_KEY = Failure(
    401,
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
    "for an active subscription and use a correct regional API endpoint for your resource.",
)


AZURE_ERRORS = {
    **OPENAI_ERRORS,
    "no_key": AZURE_KEY,
    "authentication": AZURE_KEY,
    "not_found": Failure(
        404,
        "The API deployment for this resource does not exist. If you created the deployment within the "
        "last 5 minutes, please wait a moment and try again.",
        code="DeploymentNotFound",
    ),
    "permission": Failure(403, "Access denied due to Virtual Network/Firewall rules."),
    "rate_limit": Failure(
        429,
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have "
        "exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after {wait} "
        "seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase "
        "the default rate limit.",
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


class Azure(OpenAI):
    """What all APIs of Azure OpenAI share: headers, errors of its own gateway, two kinds of credential."""

    provider = "azure"
    area = (
        "/openai/deployments/",
        "/openai/v1/",
        "/openai/models",
        "/openai/moderations",
        "/openai/responses",
    )
    credentials = ("api-key", "authorization")
    errors = AZURE_ERRORS
    gateway = (
        401,
        403,
        404,
        429,
    )  # answered before the engine, in a shape of their own (section 6)

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Azure's alone."""
        return True

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request ids, region and rate limits (section 6, recorded)."""
        apim = ("apim-request-id", uuid(call, "apim"))
        if status in self.gateway:
            return (apim, ("retry-after", str(RETRY_SECONDS))) if status == 429 else (apim,)
        return (
            apim,
            ("x-request-id", uuid(call, "request")),
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

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The deployment of the path; under /openai/v1 the model of the body, without which there is none."""
        found = super().model(params, body)
        if not found and body.value is not None:
            body.get("model").expected("a string")
        return found

    def limit_headers(self, limit: Limit) -> Headers:
        """The same with bare seconds (section 6)."""
        return tuple(
            (name, str(limit.wait) if name == "x-ratelimit-reset-requests" else value)
            for name, value in super().limit_headers(limit)
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {"code", "message"}}` from the gateway, OpenAI's shape from the engine."""
        if failure.code == "content_filter":
            return ErrorBody({"error": self.filtered(failure)})
        if failure.status not in self.gateway:
            return super().failure(call, failure)
        value = {"code": failure.code or str(failure.status), "message": failure.message}
        if failure.code == "DeploymentNotFound":  # recorded: without Content-Type
            value = {"type": failure.type or "invalid_request_error", **value}
            return ErrorBody({"error": value}, indented, content_type=None)
        if failure.type:
            return ErrorBody({"error": {"type": failure.type, **value}}, indented)
        return ErrorBody({"error": value})

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
                "content_filter_result": {**PROMPT_FILTERS, **BLOCKED},
            },
        }


class AzureChat(Azure, OpenAIChat):
    """Chat completions of a deployment: sorted keys, content filter results, no service tier."""

    routes = (DEPLOYMENT + "/chat/completions", "POST /openai/v1/chat/completions")
    fields = {**OpenAIChat.fields, "model": "a string"}
    layout = staticmethod(compact)

    def tail(self, call: Call) -> Dict[str, Json]:
        """The fingerprint alone."""
        return {key: value for key, value in super().tail(call).items() if key != "service_tier"}

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        cut: Sequence[str] = (),
    ) -> Dict[str, Json]:
        """A choice with its filter results; a delta has them only beside content."""
        results: Json = WHOLE_FILTERS if "message" in body else {}
        if (body.get("delta") or {}).get("content"):
            results = COMPLETION_FILTERS
        if REASONING_MODEL.match(call.model):
            results = {}
        if finish == "content_filter":
            results = {**results, **BLOCKED}
        return {"content_filter_results": results, **super().choice(call, index, body, finish, cut)}

    @staticmethod
    def prompt_results(call: Call) -> Json:
        """The prompt's filter results; reasoning deployments have empty ones (section 6)."""
        return (
            [{"content_filter_results": {}, "prompt_index": 0}]
            if REASONING_MODEL.match(call.model)
            else PROMPT_RESULTS
        )

    def whole(self, call: Call, reply: Reply) -> Json:
        """The object with the prompt's filter results."""
        value = sorted_keys(super().whole(call, reply))
        return {
            key: {**value, "prompt_filter_results": self.prompt_results(call)}[key]
            for key in sorted([*value, "prompt_filter_results"])
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A chunk without choices for the prompt's filter results, then the same as OpenAI."""
        yield (
            "",
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": self.prompt_results(call),
            },
        )
        yield from super().events(call, reply)

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Sorted keys at every level."""
        return cast(Dict[str, Json], sorted_keys(value))


class AzureCompletions(Azure, OpenAICompletions):
    """Legacy completions of a deployment."""

    routes = (DEPLOYMENT + "/completions", "POST /openai/v1/completions")
    fields = {**OpenAICompletions.fields, "model": "a string"}
    layout = staticmethod(compact)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The object, its keys sorted."""
        return sorted_keys(super().whole(call, reply))

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Sorted keys at every level."""
        return cast(Dict[str, Json], sorted_keys(value))


class AzureEmbeddings(Azure, OpenAIEmbeddings):
    """Embeddings of a deployment, in OpenAI's layout (section 6, recorded)."""

    routes = (DEPLOYMENT + "/embeddings", "POST /openai/v1/embeddings")
    fields = {**OpenAIEmbeddings.fields, "model": "a string"}


class AzureModerations(Azure, OpenAIModerations):
    """Moderations; not under a deployment (section 6)."""

    routes = ("POST /openai[/v1]/moderations",)


class AzureModels(Azure, OpenAIModels):
    """Models."""

    routes = ("GET /openai[/v1]/models[/{model}]",)
