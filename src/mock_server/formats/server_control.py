"""What steers a model server: sleep, and adapters that are loaded (vLLM's paths).  Pure."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from ..jsons import utf8
from ..node import Field
from ..outcomes import Original, Recorded, Usually
from ..state import State
from ..values import Call, Failure
from .model_server import ModelServer
from .vllm_errors import UVICORN

MOST_ADAPTERS = 100  # of a session
LONGEST_ADAPTER = 200  # characters of a name: they stay


def plain_answer(text: str) -> Recorded:
    """A text, and no type of it, as vLLM has it."""
    return Recorded(whole=Original(200, UVICORN, utf8(text)))


class ServerSleep(ModelServer):
    """sleep: the server gives its memory away; `level` in the query says how much of it."""

    api = "sleep"
    routes: Tuple[str, ...] = ("POST /sleep",)
    takes_body = False
    is_stateful = True
    sleeps = True  # whether the server does from then on

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Done."""
        with state.lock:
            state.sleeps = self.sleeps
        return plain_answer("")


class ServerWake(ServerSleep):
    """wake_up: it takes its memory back."""

    api = "wake_up"
    routes = ("POST /wake_up",)
    sleeps = False


class ServerSleeping(ModelServer):
    """is_sleeping."""

    api = "is_sleeping"
    routes = ("GET /is_sleeping",)
    is_stateful = True

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Whether it does."""
        with state.lock:
            return Recorded(body={"is_sleeping": state.sleeps})


class LoadAdapter(ModelServer):
    """load_lora_adapter; nothing is read from where it says."""

    api = "load_lora_adapter"
    routes: Tuple[str, ...] = ("POST /v1/load_lora_adapter",)
    fields: Mapping[str, str] = {
        "lora_name": "a string!",
        "lora_path": "a string!",
        "load_inplace": "a boolean",
    }
    credentials = ("authorization",)
    is_stateful = True

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The adapter: it is asked for as a model."""
        given = body.get("lora_name")
        if len(given.value) > LONGEST_ADAPTER:
            given.expected("a name", f"at most {LONGEST_ADAPTER} characters are kept of it")
        return str(given.value)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Loaded, unless it is already."""
        name = call.model
        with state.lock:
            if name in state.adapters and not call.body.get("load_inplace"):
                reason = f"The lora adapter '{name}' has already been loaded."
                return Failure(400, reason, "InvalidUserInput")
            if len(state.adapters) >= MOST_ADAPTERS:
                return Failure(400, f"{MOST_ADAPTERS} adapters are loaded; unload one.")
            state.adapters.add(name)
        return plain_answer(f"Success: LoRA adapter '{name}' added successfully.")


class UnloadAdapter(LoadAdapter):
    """unload_lora_adapter."""

    api = "unload_lora_adapter"
    routes = ("POST /v1/unload_lora_adapter",)
    fields = {"lora_name": "a string!", "lora_int_id": "an integer"}

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Gone, if it was there."""
        name = call.model
        with state.lock:
            if name not in state.adapters:
                return Failure(404, f"The lora adapter '{name}' cannot be found.")
            state.adapters.discard(name)
        return plain_answer(f"Success: LoRA adapter '{name}' removed successfully.")
