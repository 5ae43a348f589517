"""docs/recording.md: its commands do what it says, and its tables are the code's."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from clients import fetch
from pages import ALL
from samples import SAMPLES, call_of, wire_of
from sdk import OpenAI

import mock_server as m
from mock_server import MockServer

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "recording.md").read_text("utf-8")
HOST = "https://api.openai.com"
KEY = "sk-proj-" + "a1B2c3D4" * 5
ANSWER = {"text": "Hi!", "headers": {"openai-organization": "acme-inc", "set-cookie": "a=b"}}


def blocks(language: str, heading: str) -> List[str]:
    """The blocks of the page in a language, in the chapter with this heading."""
    chapter = re.split(r"\n##+ ", PAGE.split(f"# {heading}\n")[1])[0]
    return re.findall(rf"```{language}\n(.+?)\n```", chapter, re.S)


def rows(heading: str) -> List[List[str]]:
    """The rows of the table whose first heading is this, each as its cells."""
    lines = PAGE.split(f"\n| {heading} |")[1].split("\n\n")[0].split("\n")[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in lines]


def words(cell: str) -> List[str]:
    """The code words of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def provider() -> MockServer:
    """A server in place of the real host."""
    server = MockServer()
    server.mock(match={"user": "Say hi.", "headers": {"authorization": None}}, response=ANSWER)
    server.mock(match={"user": "Say hi."}, response=ANSWER)
    return server.start()


def serving(command: str, url: str) -> MockServer:
    """The server that a command starts, on a free port, with another one as the real host."""
    arguments = shlex.split(command.rstrip(" &").replace("5001", "0").replace(HOST, url))[2:]
    (server,) = m.serve(m.parse_arguments(arguments, {}))
    m.warn(server.core, [])
    return server


def curled(port: int, command: str) -> bytes:
    """What a curl command gets from a server on this port."""
    arguments = shlex.split(command.replace("$OPENAI_API_KEY", KEY))
    pairs = list(zip(arguments, arguments[1:]))
    headers = dict(word.split(": ", 1) for flag, word in pairs if flag == "-H")
    body = next(word.encode() for flag, word in pairs if flag == "-d")
    (url,) = (word for word in arguments if word.startswith("http://"))
    status, answer = fetch(port, "POST", url.partition(":5001")[2], body, headers)
    assert status == 200
    return answer


def commit(command: str) -> None:
    """Run a line of git in a new repository, as whoever."""
    who = {
        f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for line in ("git init -q .", command):
        subprocess.run(
            line, shell=True, check=True, env={**os.environ, **who}, stdout=subprocess.PIPE
        )


def test_the_five_commands_lead_from_a_key_to_a_committed_mock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    commands, replay = blocks("sh", "From a real key to a committed mock")
    make, start, ask, check, keep = commands.split("\n")
    os.mkdir(make.split()[1])
    with provider() as real:
        with serving(start, real.url) as server:
            asked = curled(server.port, ask)
        out = capsys.readouterr().err.replace(real.url, HOST).replace(str(server.port), "5001")
        assert len(real.requests) == 1
    assert m.main(shlex.split(check)[2:]) == 0
    out += capsys.readouterr().err
    printed = blocks("text", "From a real key to a committed mock")[0].split("\n")[1:]
    numbers = r"\S+Z |[0-9.]+ms |[0-9]+B "
    assert re.sub(numbers, "", out).splitlines() == [re.sub(numbers, "", one) for one in printed]
    saved = json.loads(blocks("json", "From a real key to a committed mock")[0])
    (mock,) = Path().glob("mine/mocks/recorded/*.json")
    found = json.loads(mock.read_text())
    assert mock.name == saved["name"] + ".json"
    assert [found[key] for key in ("name", "match")] == [saved[key] for key in ("name", "match")]
    assert found["response"]["body"] == saved["response"]["body"]
    files = b"".join(path.read_bytes() for path in Path("mine").rglob("*.*"))
    assert not any(secret in files for secret in (KEY.encode(), b"acme-inc", b"a=b"))
    if shutil.which("git") and os.name != "nt":
        commit(keep)
    with serving(replay, "") as server:
        assert curled(server.port, ask.replace("Authorization", "X-None")) == asked


def test_the_python_records_where_it_is_told_to_and_replays_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python", "From Python")
    with provider() as real:
        monkeypatch.setenv("RECORD", f"openai={real.url}")
        exec(code, {"OpenAI": OpenAI})  # noqa: S102
        monkeypatch.setenv("RECORD", "")
        exec(code, {"OpenAI": OpenAI})  # noqa: S102
        assert len(real.requests) == 1


def har_entry(url: str, user: str = "", status: int = 200) -> Dict[str, Any]:
    """What a HAR says of one exchange."""
    asked: Dict[str, Any] = {"method": "GET", "url": url, "headers": []}
    kind, text = "text/html", "<html>"
    if user:
        messages = [{"role": "user", "content": user}]
        body = json.dumps({"model": "gpt-4o-mini", "messages": messages})
        asked.update(method="POST", postData={"mimeType": "application/json", "text": body})
        kind, text = "application/json", '{"object": "chat.completion", "choices": []}'
    content = {"size": len(text), "mimeType": kind, "text": text}
    return {"request": asked, "response": {"status": status, "headers": [], "content": content}}


def test_an_import_says_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("mine")
    chat = HOST + "/v1/chat/completions"
    pages = [har_entry("https://app.example/"), har_entry("https://app.example/a.js")]
    entries = [*pages, har_entry(chat, "Say bye."), har_entry(chat, "Say no.", 429)]
    har = {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": entries}
    Path("browser.har").write_text(json.dumps({"log": har}))
    fixtures = [
        {"match": {"userMessage": "weather"}, "response": {"content": "4 degrees."}},
        {"match": {"userMessage": "hello"}, "response": {"content": "Hi there"}},
        {"match": {"predicate": "x"}, "response": {"content": "Hi there"}},
    ]
    Path("fixtures.json").write_text(json.dumps({"fixtures": fixtures}))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    Path("whole.txt").write_bytes(head + b'{"object": "chat.completion", "choices": []}')
    assert m.main(shlex.split(blocks("sh", "Importing")[0])[2:]) == 0
    assert capsys.readouterr().err.rstrip("\n") == blocks("text", "Importing")[0]


def test_the_loosened_mock_can_be_used() -> None:
    (loosened,) = blocks("json", "How to loosen one")
    with MockServer() as server:
        server.mock(**json.loads(loosened))
        body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Say hello!"}]}
        assert (
            fetch(server.port, "POST", "/v1/chat/completions", json.dumps(body).encode())[0] == 200
        )


def forwarded_to(record: str, path: str) -> str:
    """Where a request goes."""
    upstreams = m.Upstreams([record])
    method = "GET" if path.endswith("/files") else "POST"
    request = m.Request(method, path)
    try:
        upstream = upstreams.of(m.route(request)[0])
    except m.Refused:
        upstream = upstreams.of_other(path, None)
    assert upstream, path
    return upstream.shown(upstream.target(m.AsSent(path, b"", b"")))


def test_requests_go_where_the_table_says() -> None:
    names = [words(row[0])[0].partition("=")[0] for row in rows("record")]
    assert set(names) == set(m.RECORD_NAMES)
    for row in rows("record"):
        record, base, path, url = (words(cell)[0] for cell in row)
        assert path.startswith(base[len("http://127.0.0.1:5001") :])
        assert forwarded_to(record, path) == url
    sentence = PAGE.split("- The names are ")[1].split("\n- ")[0]
    assert sorted(words(sentence)) == sorted(m.RECORD_NAMES)


def test_a_recording_asks_for_the_keys_of_the_table() -> None:
    listed = [word for row in rows("key") for word in words(row[0])]
    never = words(PAGE.split("The keys ")[1].split(" are in no recording")[0])
    assert sorted([*listed, *never]) == sorted(m.MATCH_KEYS)
    for kind in SAMPLES:
        if wire_of(kind).operation not in ("token", "metadata"):
            found = m.match_of(wire_of(kind), call_of(kind), m.Scrubber())
            assert set(found) <= set(listed), kind


def test_the_fields_of_the_table_decide_the_form_of_an_answer() -> None:
    told = {words(row[0])[0]: words(row[1]) for row in rows("api or operation")}
    known = {kind: [one.rpartition(": ")[2] for one in paths] for kind, paths in m.DECIDING.items()}
    assert told == {kind: paths for kind, paths in known.items() if paths}


def test_the_headers_that_it_names_are_kept_and_the_others_are_not() -> None:
    kept, others = PAGE.split("that clients read: ")[1].split("\n\n")[0].split("All else goes")
    names = [name.replace("…", "limit-tokens") for name in words(kept)]
    pairs = tuple((name, "1") for name in [*names[1:], *words(others)])
    assert names[0] == "Content-Type" and len(pairs) > 12
    assert [name for name, _ in m.kept_headers(pairs)] == names[1:]


SAVED: Dict[str, Tuple[int, ...]] = {
    "2xx": (200, 204),
    "4xx": (400, 429),
    "3xx": (302, 304),
    "5xx": (500,),
}


def test_statuses_are_saved_as_it_says() -> None:
    told = {row[0].split(",")[0]: row[1] for row in rows("answer")}
    for kind, statuses in SAVED.items():
        for status in statuses:
            reason = m.unsaved(call_of(next(iter(SAMPLES))), status)
            assert bool(reason) is told[kind].startswith("never"), status


def test_its_options_are_those_that_there_are() -> None:
    for row in rows("option"):
        option = m.BY_NAME[words(row[0])[0].split()[0].lstrip("-").replace("-", "_")]
        assert words(row[1]) == [option.variable]


def test_every_command_line_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "data", "examples/kubernetes/base"):
        os.makedirs(name)
    lines = re.findall(r"^python3 mock_server\.py (.+?)(?: [&>].*)?$", ALL, re.M)
    assert len(lines) > 8
    for line in lines:
        m.parse_arguments(shlex.split(line, comments=True), {})
