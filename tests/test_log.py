"""The request log: a line a request, bounded, without credentials or control characters."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import threading
from pathlib import Path
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
        # Neither what only looks like one, in a path, a name or what the provider refuses.
        key = "sk-proj-" + "a1" * 16
        told = {**CHAT, "model": key, "metadata": {key: 5}}
        fetch(
            server.port,
            "POST",
            f"/openai/deployments/{key}/chat/completions",
            json.dumps(told).encode(),
            headers,
        )
    line, *others = capfd.readouterr().err.splitlines(keepends=True)
    assert "a1a1" not in "".join(others) and "***" in others[0]
    assert "/v1/chat/completions" in line and "404" in line and "no mock matches" in line
    assert line.count("\n") == 1 and "sk-" not in line
    if mode == "json":
        found = json.loads(line)
        assert (found["status"], found["model"]) == (404, "gpt-4o-mini")


@pytest.mark.parametrize("mode", ["text", "json"])
def test_what_looks_like_a_key_is_not_in_the_line_of_what_is_forwarded(
    capfd: Any, mode: str, tmp_path: Path
) -> None:
    key = "sk-proj-0123456789abcdefABCDEF"  # in the place of the model, and of what is refused
    with MockServer(fallback="echo") as provider:
        record = f"openai={provider.url}"
        with MockServer(log=mode, record=record, record_to=str(tmp_path)) as server:
            chat(server.port, model=key, tool_choice=key)
    lines = capfd.readouterr().err
    assert "recorded" in lines and "tool_choice" in lines and key not in lines


@pytest.mark.parametrize("mode", ["text", "json"])
def test_the_log_says_in_a_line_what_the_provider_would_refuse(capfd: Any, mode: str) -> None:
    messages = [{"role": "tool", "tool_call_id": "c\n", "content": "x"}] * 2
    with MockServer(log=mode, fallback="echo") as server:
        chat(server.port, messages=messages)
        chat(server.port)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        fetch(server.port, "POST", "/v1/chat/completions", json.dumps(CHAT).encode(), form)
    lines = capfd.readouterr().err.splitlines()
    sentence = "Invalid parameter: messages with role 'tool' must be a response"
    rule = "openai/tool-after-tool-calls"
    if mode == "json":
        found = json.loads(lines[0])["violations"]
        assert [one["rule"] for one in found] == [rule] * 2 and len(lines) == 3
        assert ["default" in one for one in found] == [False, False]
        assert json.loads(lines[2])["violations"][0]["default"] == "jrn"
    else:
        assert len(lines) == 5
        assert lines[4].startswith("  may violate openai/content-type at the request: Unsupported")
        assert lines[1].startswith(f"  violates {rule} at messages[0]: {sentence}")
        assert lines[1].endswith(f" (and {rule})")


def test_a_line_says_session_mock_events_and_how_it_ended(capfd: Any) -> None:
    with MockServer(log="text") as server:
        server.session("s").mock(name="greeting", response={"text": "a b", "fault": "truncate"})
        chat(server.port, prefix="/@s", stream=True)
        chat(server.port, prefix="/groq")
    line, other = capfd.readouterr().err.splitlines(keepends=True)
    assert " openai/groq chat gpt-4o-mini " in other
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


@pytest.mark.parametrize(
    "model", ["\u2028\x85", "\ud800", "\x1b[31m", '"\\', "Grüße 😀", "x" * 5000]
)
def test_a_line_of_json_is_json_whatever_the_model_is_called(capfd: Any, model: str) -> None:
    with MockServer(log="json") as server:
        fetch(
            server.port,
            "POST",
            "/v1/chat/completions",
            json.dumps({**CHAT, "model": model}).encode(),
        )
    line = capfd.readouterr().err
    assert json.loads(line)["model"] == model[:1000] and line.isascii()
    assert line.count("\n") == 1


class Disk:
    """A stream that fails as long as it is full."""

    def __init__(self) -> None:
        self.text = ""
        self.is_full = True
        self.failed = threading.Event()

    def write(self, text: str) -> None:
        if self.is_full:
            self.failed.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.text += text

    def flush(self) -> None:
        pass


def test_the_log_goes_on_when_a_full_disk_has_room_again_and_says_what_is_lost() -> None:
    disk: Any = Disk()
    log = m.Log("text", disk)
    log.say("lost")
    assert disk.failed.wait(PATIENCE)
    disk.is_full = False
    wait_until(lambda: log.lost)
    log.say("there")
    log.close()
    told, line = disk.text.splitlines()
    assert told.startswith("1 log lines lost, because standard error failed: ")
    assert os.strerror(errno.ENOSPC) in told and line == "there"


def test_what_was_lost_adds_up_until_it_is_told() -> None:
    disk: Any = Disk()
    log = m.Log("off", disk)
    for number in range(3):
        log.write([f"{number}\n"])
    assert log.lost == 3
    disk.is_full = False
    log.write(["4\n"])
    assert log.lost == 0 and disk.text.startswith("3 log lines lost") and disk.text[-2:] == "4\n"


@pytest.mark.skipif(os.name != "posix", reason="standard error is written as a text elsewhere")
def test_a_line_that_was_written_in_part_does_not_run_into_the_next(monkeypatch: Any) -> None:
    written = bytearray()
    results: List[Any] = [2, OSError(errno.EIO, "x"), 1, BlockingIOError(), 10]

    def write(number: int, data: Any) -> int:
        result = results.pop(0)
        if isinstance(result, OSError):
            raise result
        written.extend(data[:result])
        return result

    output = m.Output(None)
    output.number = 2
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(m.select, "select", lambda *waited: None)
    assert output.write("one\ntwo\nthree\n") == 3
    assert output.write("four\nfive\n") == 0
    assert bytes(written) == b"on\nfour\nfive\n"


def test_what_waits_for_a_slow_log_is_bounded_in_bytes() -> None:
    log = m.Log("text", io.StringIO())
    log.thread = threading.current_thread()  # which writes none of it
    for _ in range(100):
        log.put((0.0, ""), m.LOG_ROOM // 50)
    assert log.dropped == 51 and log.used <= m.LOG_ROOM


def test_where_no_thread_can_be_started_lines_are_lost_and_counted(monkeypatch: Any) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    stream = io.StringIO()
    log = m.Log("text", stream)
    log.say("unheard")
    monkeypatch.undo()
    log.say("heard")
    log.close()
    assert "heard\n" in stream.getvalue() and "unheard" not in stream.getvalue()
    assert "1 log lines dropped" in stream.getvalue()
