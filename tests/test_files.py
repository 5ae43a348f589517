"""X"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, List

import pytest
from clients import ASK, Raw, chat, fetch, post
from mocked import loaded, texts_of
from samples import ask, bytes_of, uses_of

import mock_server as m
from mock_server import MockServer


def test_recordings_are_sent_byte_for_byte(folder: Any) -> None:
    sse = b'data: {"x":1}\r\n\r\n: odd \xff bytes\n\ndata: tail'
    body = b'{ "odd" :  "layout"}'
    mocks = loaded(
        folder(
            {
                "mocks/a.json": {"response": {"body": "@r/b.json", "events": "@r/e.sse"}},
                "r/b.json": body,
                "r/e.sse": sse,
            }
        )
    )
    answers = m.Answerer(mocks, m.Settings())
    assert (
        ask(answers, m.OpenAIChat).body == body
        and bytes_of(ask(answers, m.OpenAIChat, True)) == sse
    )


def test_a_gz_twin_is_sent_as_stored_and_a_stale_one_is_refused(folder: Any) -> None:
    body, twin = b'{"a": 1}', gzip.compress(b'{"a": 1}', 1)
    directory = folder(
        {
            "mocks/a.json": [
                {"match": {"model": "gpt-4o-mini"}, "response": {"body": "@b.json"}},
                {"match": {"model": "x"}, "response": {"body": "@b.json.gz"}},
            ],
            "b.json": body,
        }
    )
    Path(directory, "b.json.gz").write_bytes(twin)
    answers = m.Answerer(loaded(directory), m.Settings())
    for model in ("gpt-4o-mini", "x"):
        response = ask(answers, m.OpenAIChat, more={"model": model})
        sent = b"".join(
            step.data
            for step in m.steps(response, m.Wire(accept_encoding="gzip"))
            if isinstance(step, m.Send)
        )
        assert response.body == body and sent.endswith(b"\r\n\r\n" + twin)
    Path(directory, "b.json").write_bytes(b"[]")
    assert (
        "b.json.gz is not the gzip of b.json; run convert_to_gzip.py on it"
        in m.Mocks([directory]).load()[0]
    )


def test_a_jsonl_file_is_one_event_a_line(folder: Any) -> None:
    directory = folder(
        {"mocks/a.json": {"response": {"events": "@e.jsonl"}}, "e.jsonl": '{"a": 1}\n\n{"b": 2}\n'}
    )
    assert (
        bytes_of(ask(m.Answerer(loaded(directory), m.Settings()), m.OpenAIChat, True))
        == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
    )
    assert (
        "e.jsonl, line 2: Expecting" in m.Mocks([folder({"e.jsonl": '{"a": 1}\n{b\n'})]).load()[0]
    )


def test_mock_files_are_read_in_name_order_at_any_depth(folder: Any) -> None:
    one = {"response": {"text": "x"}}
    directory = folder(
        {"mocks/b.json": [one, one], "mocks/a/z.json": one, "mocks/note.txt": "not a mock"}
    )
    for hidden in (".hidden.json", ".folder/y.json"):
        path = Path(directory, "mocks", hidden)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    mocks = loaded(directory)
    assert [mock.place for mock in mocks.from_files] == [
        "mocks/a/z.json#1",
        "mocks/b.json#1",
        "mocks/b.json#2",
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (
            "{",
            "mocks/a.json: not JSON: Expecting property name enclosed in double quotes at line 1, column 2",
        ),
        (b"\xff", "not JSON: invalid UTF-8 at byte 0"),
        (
            [{"response": {"text": "x"}}, {"response": {"txt": "x"}}],
            "mocks/a.json#2: response.txt: unknown key",
        ),
        (
            {"response": {"body": "@../secret.json"}},
            "@../secret.json lies outside the data directory",
        ),
        ({"response": {"body": "@/etc/x.json"}}, "lies outside"),
        (
            {"response": {"body": "@none.json"}},
            'response.body: no file "none.json" in the data directory',
        ),
    ],
)
def test_a_broken_mock_file_is_named_with_position_and_key(
    folder: Any, content: Any, message: str
) -> None:
    assert message in "\n".join(m.Mocks([folder({"mocks/a.json": content})]).load())


@pytest.mark.parametrize(
    "name", ["a\0b.json", "\ud800.json", "x" * 5000 + ".json", "mocks/a.json/b.json", "loop.json"]
)
def test_a_file_name_that_leads_nowhere_is_a_bad_mock(
    folder: Any, tmp_path: Path, name: str
) -> None:
    os.symlink("loop.json", str(tmp_path / "loop.json"))
    problems = m.Mocks([folder({"mocks/a.json": {"response": {"body": "@" + name}}})]).load()
    assert len(problems) == 1 and problems[0].startswith("mocks/a.json#1")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_among_the_mocks_hangs_nothing(folder: Any) -> None:
    directory = folder({"mocks/a.json": {"response": {"body": "@pipe.json"}}})
    os.mkfifo(os.path.join(directory, "pipe.json"))
    os.mkfifo(os.path.join(directory, "mocks", "b.json"))
    problems = m.Mocks([directory]).load()
    assert len(problems) == 2 and all("is no regular file" in problem for problem in problems)


def test_a_folder_that_can_not_be_listed_keeps_the_mocks(folder: Any, monkeypatch: Any) -> None:
    mocks = loaded(folder({"mocks/a.json": {"response": {"text": "x"}}}))
    walk = os.walk

    def failing(top: str, onerror: Any = None, **more: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", top))
        return walk(top, onerror=onerror, **more)

    monkeypatch.setattr(os, "walk", failing)
    assert (
        "mocks: can't read this folder: Permission denied" in mocks.load()[0]
        and len(mocks.from_files) == 1
    )


def test_links_do_not_lead_out_of_the_data_directory(folder: Any, tmp_path: Path) -> None:
    directory = folder({"mocks/a.json": {"response": {"body": "@link.json"}}})
    outside = tmp_path.parent / (tmp_path.name + "-outside.json")
    outside.write_text("{}")
    try:
        os.symlink(str(outside), str(tmp_path / "link.json"))
        assert "lies outside the data directory" in m.Mocks([directory]).load()[0]
    finally:
        outside.unlink()


def test_changed_mocks_and_their_files_count_at_the_next_request_and_a_broken_edit_does_not(
    folder: Any,
) -> None:
    lines: List[str] = []
    directory = folder({"mocks/a.json": {"response": {"text": "one"}}})
    mocks = m.Mocks([directory], lines.append)
    mocks.load()
    answers = m.Answerer(mocks, m.Settings())

    def edited(content: Any) -> Any:
        folder({"mocks/a.json": content})
        mocks.next_check = mocks.last_request = 0.0  # as if the request came a moment later
        return texts_of(answers, 1)[0]

    assert (
        edited({"response": {"text": "two"}}) == "two"
        and edited({"response": {"text": "six"}}) == "six"
    )
    assert (
        edited("{") == "six"
        and "mocks not reloaded, the previous ones stay: mocks/a.json: not JSON" in lines[-1]
    )
    said_so = len(lines)
    assert edited("{") == "six" and len(lines) == said_so
    assert edited({"response": {"body": "@b.json"}}) == "six"
    folder({"b.json": {"choices": [{"message": {"content": "from a file"}}]}})
    assert edited({"response": {"body": "@b.json"}}) == "from a file"
    folder({"b.json": {"choices": [{"message": {"content": "changed"}}]}})
    mocks.next_check = mocks.last_request = 0.0
    assert texts_of(answers, 1) == ["changed"]
    folder({"mocks/b.json": {"response": {"text": "x"}}})
    mocks.next_check = mocks.last_request = 0.0
    texts_of(answers, 1)
    assert len(mocks.from_files) == 2 and "mocks reloaded: 2" in lines[-1]


def test_a_change_is_seen_at_the_very_next_request(folder: Any) -> None:
    with MockServer(data=folder({"mocks/a.json": {"response": {"text": "start"}}})) as server:
        client = Raw(server)
        for number in range(30):
            folder({"mocks/a.json": {"response": {"text": f"text {number}"}}})
            assert f'"text {number}"'.encode() in client.send(post()).response()[2]
        client.close()


def test_files_of_a_mock_added_at_run_time_are_watched_too(folder: Any) -> None:
    mocks = loaded(folder({"b.json": {"choices": [{"message": {"content": "one"}}]}}))
    mocks.add([{"response": {"body": "@b.json"}}])
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["one"]
    folder({"b.json": {"choices": [{"message": {"content": "three"}}]}})
    mocks.next_check = mocks.last_request = 0.0
    assert texts_of(answers, 1) == ["three"] and uses_of(mocks) == 2


def test_a_reload_keeps_the_place_in_the_sequence_of_a_mock_that_stayed(folder: Any) -> None:
    kept = {
        "match": {"model": "gpt-4o-mini"},
        "responses": [{"text": "1"}, {"text": "2"}, {"text": "3"}],
    }
    mocks = loaded(folder({"mocks/a.json": [kept]}))
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["1"]
    folder({"mocks/a.json": [kept, {"match": {"model": "y"}, "response": {"text": "new"}}]})
    mocks.next_check = mocks.last_request = 0.0
    assert texts_of(answers, 2) == ["2", "3"] and len(mocks.from_files) == 2


def test_a_mock_of_a_session_whose_file_is_gone_keeps_no_other_from_being_read_again(
    folder: Any,
) -> None:
    data = folder({"mocks/a.json": [{"response": {"text": "old"}}], "rec.json": {"choices": []}})
    with MockServer(data=str(data)) as server:
        server.session("s").mock(response={"body": "@rec.json"})
        os.remove(os.path.join(str(data), "rec.json"))
        folder({"mocks/a.json": [{"response": {"text": "new"}}]})
        assert chat(server.port)[1] == "new"
        assert fetch(server.port, "POST", "/@s/v1/chat/completions", json.dumps(ASK).encode()) == (
            200,
            b'{"choices": []}',
        )
