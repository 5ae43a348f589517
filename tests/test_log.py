"""X"""

from __future__ import annotations

import json
from typing import Any

import pytest
from clients import fetch
from samples import CHAT

import mock_server as m


def test_the_log_holds_no_control_characters() -> None:
    class Stream:
        """Remembers what is written to it."""

        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    stream: Any = Stream()
    log = m.Log("text", stream)
    log.say("model \x1b[31m\n\u2028 Grüße")
    log.close()
    assert stream.text == "model \\x1b[31m\\n\\u2028 Grüße\n"


@pytest.mark.parametrize("mode", ["text", "json"])
def test_a_request_is_a_line_in_the_log_without_its_credentials(mode: str) -> None:
    with launched("0", "--log", mode) as (process, ports):
        fetch(
            ports[0],
            "POST",
            "/v1/chat/completions?key=sk-a",
            json.dumps(CHAT).encode(),
            {"Authorization": "Bearer sk-b"},
        )
        line = process.stderr.readline().decode()
    assert (
        "/v1/chat/completions" in line
        and "404" in line
        and "closest is" in line
        and "sk-" not in line
    )
    if mode == "json":
        assert json.loads(line)["status"] == 404 and json.loads(line)["model"] == "gpt-4o-mini"
