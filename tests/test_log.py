"""The request log: a line a request, bounded, without credentials or control characters."""

from __future__ import annotations

import json
import re
import threading
from typing import Any, List

import pytest
from clients import PATIENCE, chat, fetch, wait_until
from samples import CHAT

import mock_server as m
from mock_server import MockServer


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
def test_a_request_is_a_line_in_the_log_without_its_credentials(capfd: Any, mode: str) -> None:
    with MockServer(log=mode) as server:
        path = "/v1/chat/completions?key=sk-a"
        headers = {"Authorization": "Bearer sk-b"}
        fetch(server.port, "POST", path, json.dumps(CHAT).encode(), headers)
    line = capfd.readouterr().err
    assert "/v1/chat/completions" in line and "404" in line and "no mock matches" in line
    assert line.count("\n") == 1 and "sk-" not in line
    if mode == "json":
        found = json.loads(line)
        assert (found["status"], found["model"]) == (404, "gpt-4o-mini")


def test_a_line_says_session_mock_events_and_how_it_ended(capfd: Any) -> None:
    with MockServer(log="text") as server:
        server.session("s").mock(name="greeting", response={"text": "a b", "fault": "truncate"})
        chat(server.port, prefix="/@s", stream=True)
    line = capfd.readouterr().err
    assert re.search(r"POST /@s/v1/chat/completions 200 fault [\d.]+ms \d+B 2 events ", line), line
    assert line.endswith(' openai chat gpt-4o-mini "greeting"\n')


def test_a_log_that_nobody_reads_drops_lines_and_says_how_many() -> None:
    class Stuck:
        """A stream that takes nothing until it is told to."""

        def __init__(self) -> None:
            self.lines: List[str] = []
            self.begun, self.go = threading.Event(), threading.Event()

        def write(self, text: str) -> None:
            self.begun.set()
            self.go.wait(PATIENCE)
            self.lines += text.splitlines()

        def flush(self) -> None:
            pass

    stream: Any = Stuck()
    log = m.Log("text", stream)
    log.say("first")
    assert stream.begun.wait(PATIENCE)
    for number in range(m.LOG_LINES + 7):
        log.say(str(number))
    stream.go.set()
    wait_until(lambda: len(stream.lines) >= m.LOG_LINES + 2)
    log.close()
    dropped = "7 log lines dropped, because standard error is read too slowly"
    assert dropped in stream.lines and len(stream.lines) == m.LOG_LINES + 2
