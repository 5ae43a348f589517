"""A mock LLM server in one file that needs nothing but Python 3.8 or newer.

    python3 mock_server.py 5001

answers HTTP requests the way OpenAI, Azure OpenAI, the Gemini API, Vertex AI, Anthropic, AWS
Bedrock, Cohere, Mistral and Ollama do, whole and streamed, from the mocks in `data/`.  From Python:

    from mock_server import MockServer

    with MockServer() as server:
        server.mock(match={"user": "ping"}, response={"text": "pong"})
        ...                                           # any client, with server.url as its host
        assert server.requests[-1]["model"] == "gpt-4o-mini"

The sources are rooms, a module each, in src/mock_server/; src/weld.py makes the one file of them:
change the rooms, not mock_server.py.  A room uses only what stands above it.  To pytest, of which
it is a plugin: PYTEST_DONT_REWRITE, for it holds no tests.
"""

from __future__ import annotations

import os
import signal
import sys

if sys.version_info < (3, 8):
    raise SystemExit(
        "mock_server.py needs Python 3.8 or newer; this is %d.%d" % sys.version_info[:2]
    )

if (
    __name__ == "__main__"
    or os.path.basename("".join(sys.argv[:1])) == "mock-llm-provider"
    or " -m mock_server " in " ".join([*getattr(sys, "orig_argv", []), ""])  # since 3.10
):
    # It is started, not imported.  Until there is a server to be closed, an interrupt ends it as
    # quietly as it does later; but one that only checks mocks has not found them good.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130 if "--check" in sys.argv else 0))

__all__ = [
    "BadMock",
    "Match",
    "Mock",
    "MockRequest",
    "MockServer",
    "Response",
    "SessionView",
    "__version__",
]

# === the package: to here the file is the same, and then it has the rooms ===

# Type checkers take this for true: to them a name that is not imported here is an error.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .cli import main  # noqa: F401
    from .dict_types import Match, Mock, Response
    from .errors import BadMock
    from .limits import __version__
    from .mocks.functions import MockRequest
    from .server import MockServer, SessionView
else:
    from importlib import import_module

    OWN = __name__ + "."
    ROOM_OF: dict = {}  # by name, once it was asked for

    def __getattr__(name: str) -> object:
        """Any name that a room defines, so that the package gives the same names as the file.

        The rooms are imported when the first one is asked for: pytest imports a plugin, which is
        one of them, for each of its runs, and few need the server."""
        is_special = name.startswith("__") and name not in __all__
        if name not in ROOM_OF and not is_special:
            for root in ("cli", "pytest_plugin"):
                import_module(OWN + root)
            rooms = [room for path, room in list(sys.modules.items()) if path.startswith(OWN)]
            found = [room for room in rooms if name in vars(room)]
            if name in globals():  # a room
                return globals()[name]
            if found:
                ROOM_OF[name] = found[0]
        if name not in ROOM_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return vars(ROOM_OF[name])[name]
