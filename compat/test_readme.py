"""README.md: its Python, with the OpenAI SDK that it is written for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
from openai import OpenAI
from pages import PAGES, blocks

ROOT = Path(__file__).resolve().parent.parent
# One of them is for LiteLLM, which test_judged.py runs.
PROGRAMS = [block for block in blocks("python", PAGES["README.md"]) if "litellm" not in block]


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_runs_as_it_stands_there(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from mock_server import MockServer

    known: Dict[str, Any] = {"OpenAI": OpenAI, "MockServer": MockServer, "gateway": lambda url: url}
    exec(program, known)  # noqa: S102
    with MockServer() as server:
        for name in [name for name in known if name.startswith("test_")]:
            session = server.session(name)
            known[name](session)
            session.verify()
