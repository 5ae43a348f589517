"""What model servers have beside /v1: vLLM's own paths, and SGLang's.  Pure."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from ..errors import BadField, http_phrase
from ..limits import Headers
from ..outcomes import Original, Recorded, Usually
from ..state import State
from ..values import Call, ErrorBody, Failure
from .mute import Mute
from .vllm_errors import (
    MODEL_LENGTH,
    UVICORN,
    VLLM_BAD_JSON,
    VLLM_ERRORS,
    VLLM_TYPES,
    vllm_complaint,
)

SERVED_MODEL = "mock-model"  # what a server that has but one model calls it


class ModelServer(Mute):
    """What all paths of a model server share: no credential, errors in vLLM's form, and an answer
    without a mock."""

    provider, operation = "vllm", "server"
    # vLLM asks for its key on paths that begin with /v1 or /v2 alone (read in its source).
    credentials: Tuple[str, ...] = ()
    needs_mock = False
    errors: Mapping[str, Failure] = VLLM_ERRORS
    bad_json = VLLM_BAD_JSON

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Who serves it."""
        return UVICORN

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error"}`, whose code is the status (read in vLLM's source)."""
        status = failure.status
        if status == 401:  # by the middleware, before there is anything else
            return ErrorBody({"error": failure.message}, content_type="application/json")
        error = {
            "message": failure.message,
            "type": failure.type or VLLM_TYPES.get(status, http_phrase(status)),
            "param": failure.param,
            "code": status,
        }
        # Also where the answers of an API are no JSON.
        return ErrorBody({"error": error}, content_type="application/json")

    def complaint(self, wrong: BadField) -> Failure:
        """vLLM's own."""
        return vllm_complaint(wrong)


class Probe(ModelServer):
    """What says with an empty body that the server is there."""

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Nothing, and no type of it."""
        return Recorded(whole=Original(200, UVICORN, b""))


class ServerHealth(Probe):
    """health: of vLLM, of SGLang when it has also tried to generate, and of llm-d's simulator when
    it is ready."""

    api = "health"
    routes = ("GET /health", "GET /health_generate", "GET /health/ready")


class ServerPing(Probe):
    """ping, as SageMaker asks."""

    api = "ping"
    takes_body = False
    routes = ("GET /ping", "POST /ping")


class ServerVersion(ModelServer):
    """version."""

    api = "version"
    routes = ("GET /version",)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """The version of vLLM whose answers these are like."""
        return Recorded(body={"version": "0.28.0"})


class ServerLoad(ModelServer):
    """load: how many requests the server works on."""

    api = "load"
    routes = ("GET /load",)
    is_stateful = True

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What a test has said with the gauge of running requests."""
        gauge = state.gauge_of("vllm:num_requests_running", call.port)
        running = 0
        if gauge:
            running = int(gauge.value)
        return Recorded(body={"server_load": running})


class ServerInfo(ModelServer):
    """server_info: how the server was started, as SGLang's gateway reads it."""

    api = "server_info"
    routes = ("GET /server_info", "GET /get_server_info")

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """A few of its many settings (names from public answers)."""
        return Recorded(
            body={
                "model_path": SERVED_MODEL,
                "tokenizer_path": SERVED_MODEL,
                "served_model_name": SERVED_MODEL,
                "context_length": MODEL_LENGTH,
                "tp_size": 1,
                "dp_size": 1,
                "max_total_num_tokens": 4 * MODEL_LENGTH,
                "max_running_requests": 256,
                "status": "ready",
                "version": "0.5.9",
                "internal_states": [{}],
            }
        )


class ModelInfo(ModelServer):
    """model_info: what the model is."""

    api = "model_info"
    routes = ("GET /model_info", "GET /get_model_info")

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What SGLang documents of it."""
        return Recorded(
            body={
                "model_path": SERVED_MODEL,
                "tokenizer_path": SERVED_MODEL,
                "is_generation": True,
                "preferred_sampling_params": None,
                "weight_version": "default",
                "has_image_understanding": False,
                "has_audio_understanding": False,
                "model_type": "llama",
                "architectures": ["LlamaForCausalLM"],
            }
        )
