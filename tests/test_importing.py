"""--import, in this process: what files are, what is made of them, and what is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from cases import cases

import mock_server as m

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
}
KEY = "sk-abcdefghijklmnopqrstuvwxyz01"
CURL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + json.dumps(ANSWER).encode()
FIXTURES = {"fixtures": [{"match": {"userMessage": "hi"}, "response": {"content": "hello"}}]}


def entry(user: str, answer: Any = ANSWER, status: int = 200) -> Any:
    """An entry of a HAR."""
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": user}]}
    return {
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions",
            "headers": [
                {"name": "Authorization", "value": f"Bearer {KEY}"},
                {"name": "Content-Type", "value": "application/json"},
            ],
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": status,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"mimeType": "application/json", "text": json.dumps(answer)},
        },
    }


def har(*entries: Any) -> Any:
    """A HAR."""
    return {"log": {"version": "1.2", "creator": {"name": "a", "version": "1"}, "entries": entries}}


def files_in(folder: Path) -> Dict[str, bytes]:
    """The files of a folder, however deep, by their names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Run:
    """A directory with files, and --import on them."""

    def __init__(self, folder: Path, capsys: Any) -> None:
        self.folder, self.capsys = folder, capsys
        self.data = folder / "data"

    def put(self, name: str, content: Any) -> str:
        """Write a file, bytes as they are and all else as JSON; its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        path.write_bytes(content)
        return str(path)

    def imports(self, *words: str) -> Tuple[int, List[str]]:
        """The exit status of an import, and the lines on standard error, without the folder."""
        status = m.main(["--record-to", str(self.data), "--import", *words])
        out, err = self.capsys.readouterr()
        assert out == "" and KEY not in err
        return status, err.replace(f"{self.folder}{os.sep}", "").splitlines()


@pytest.fixture
def run(tmp_path: Path, capsys: Any) -> Run:
    """A directory, and --import."""
    return Run(tmp_path, capsys)


def test_files_become_mocks_and_all_of_it_is_told(run: Run) -> None:
    picture = {"request": {"method": "GET", "url": "https://a.example/b.png"}, "response": {}}
    words = [
        run.put("a.har", har(entry("first"), entry("second"), picture)),
        run.put("b.txt", CURL),
        run.put("c.json", FIXTURES),
    ]
    status, lines = run.imports(*words)
    url = "POST https://api.openai.com/v1/chat/completions"
    assert status == 0
    assert lines[:6] == [
        "a.har: 2 of 2 exchanges of a HAR, and 1 other that no provider has to do with",
        f"  mocks/recorded/{lines[1].split('/')[2].split()[0]} made, of entry 1, {url}",
        f"  mocks/recorded/{lines[2].split('/')[2].split()[0]} made, of entry 2, {url}",
        "b.txt: 1 of 1 exchange of a transcript of curl",
        lines[4],
        "c.json: 1 of 1 fixture of aimock",
    ]
    assert lines[6:8] == [
        "  mocks/imported/c.json made, with 1 mock",
        "4 mocks made in data",
    ]
    assert lines[-1].startswith("4 mocks, ")  # as --check says it
    found = files_in(run.data)
    assert len(found) == 3 * 2 + 1
    assert not any(KEY.encode() in data for data in found.values())
    mocks = json.loads(found["mocks/imported/c.json"])
    assert mocks == [{"match": {"user": {"contains": "hi"}}, "response": {"text": "hello"}}]


def test_nothing_is_made_twice_or_overwritten(run: Run) -> None:
    words = [run.put("a.har", har(entry("first"))), run.put("c.json", FIXTURES)]
    assert run.imports(*words)[0] == 0
    before = files_in(run.data)
    status, lines = run.imports(*words)
    assert (status, files_in(run.data)) == (0, before)
    assert [line for line in lines if "is there already" in line] == [lines[1], lines[3]]
    assert "0 mocks made in data, 2 there already" in lines
    # Another one of that name gets a number, and another answer to the same is told.
    run.put("c.json", {"fixtures": [{"match": {}, "response": {"content": "another"}}]})
    run.put("a.har", har(entry("first", {**ANSWER, "created": 2})))
    status, lines = run.imports(*words)
    assert status == 2 and "answers the same with something else" in lines[1]
    after = files_in(run.data)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"mocks/imported/c-2.json"}


def test_errors_are_kept_where_that_is_asked_for(run: Run) -> None:
    word = run.put("a.har", har(entry("first", {"error": {"message": "no"}}, 404), entry("second")))
    status, lines = run.imports(word)
    assert status == 0 and "is an error (404); with --record-errors it is kept, too" in lines[2]
    status, lines = run.imports(word, "--record-errors")
    assert status == 0 and " made, of entry 1" in lines[1]


def test_a_bad_file_is_2_and_what_the_good_ones_gave_is_kept(run: Run) -> None:
    words = [
        run.put("broken.json", b'{"fixtures": ['),
        run.put("empty.json", b" "),
        str(run.folder / "none.har"),
        run.put("c.json", FIXTURES),
        run.put("live.json", {"fixtures": [{"match": {}, "response": {"live": {}}}]}),
    ]
    status, lines = run.imports(*words)
    assert status == 2
    assert lines == [
        "broken.json: is no JSON: Expecting value at line 1, column 15",
        "empty.json: is empty",
        "none.har: there is no such file",
        "c.json: 1 of 1 fixture of aimock",
        "  mocks/imported/c.json made, with 1 mock",
        "live.json: 0 of 1 fixture of aimock",
        "  not used: fixtures[0]: response.live is of an API that this server has not",
        m.READ_HERE,
        "1 mock made in data, 1 entry not used, 4 bad files",
        "1 mock, nothing wrong",
    ]


def test_of_a_directory_its_files_are_taken_in_the_order_of_aimock(run: Run) -> None:
    for name in ("z.json", "a/b.json", "a/.hidden.json", "node_modules/c.json", "d.txt"):
        run.put(f"fixtures/{name}", FIXTURES)
    run.put("fixtures/package.json", {"name": "what else is there"})
    run.put("none/package.json", {"name": "what else is there"})
    if hasattr(os, "mkfifo"):  # to which nobody writes
        os.mkfifo(str(run.folder / "fixtures" / "pipe.json"))
    status, lines = run.imports(str(run.folder / "fixtures"))
    assert status == 0 and "fixtures/package.json: is nothing that can be imported" in lines
    # z.json is read first, there and here.
    assert list(files_in(run.data)) == ["mocks/imported/1-z.json", "mocks/imported/2-a-b.json"]
    status, lines = run.imports(str(run.folder / "none"))
    assert status == 2 and "none: there is nothing in it that can be imported" in lines


FOREIGN: List[Tuple[Any, str]] = [
    ({"request": {}, "response": {}}, "is a mapping of WireMock"),
    ({"mappings": []}, "holds mappings of WireMock"),
    ([{"match": {}, "response": {}}], "is a mock of this server already, and belongs into the "),
    ({"llm": {"fixtures": "a.json"}}, "is a configuration of aimock; import the fixtures that it"),
    (b'{"custom_id": "1"}\n{"custom_id": "2"}\n', "is a batch file of OpenAI"),
    (b"# a\ninteractions:\n- request:\n", "is a cassette of VCR"),
    ({"interactions": []}, "is a cassette of VCR"),
    ({"fixtures": {}}, 'is no file of fixtures: its "fixtures" is no array'),
    (ANSWER, "is an answer without its head, which curl -is prints before it"),
    (b"data: {}\n\n", "is an event stream without its head, which curl -is prints before it"),
    ({"model": "m", "messages": []}, "is a request without its answer"),
    (b"\x1f\x8b\x08", "is compressed; gunzip it first"),
    (b"2741:4:type;4:http;", "holds flows of mitmproxy; mitmdump -nr FILE --set hardump"),
    (b"import {x} from 'y'", "is a program"),
    (b"words", "is nothing that can be imported"),
    (b"It said:\n  HTTP/1.1 200 OK\n", "has the head of an answer in it, but not where it begins"),
    (b"[]", "is nothing that can be imported"),
    (b"null", "is nothing that can be imported"),
]


@cases("content, what", FOREIGN)
def test_a_file_of_another_kind_is_called_by_its_name(content: Any, what: str) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content, indent=2).encode()
    try:
        told = m.what_it_is(m.document_of(data))
    except m.Unusable as error:
        told = str(error)
    assert told.startswith(what)


WRONG_OPTIONS = [
    (["5001", "--import", "a"], "--import writes mocks and serves nothing; leave out the port"),
    (["--import", "a", "--tls"], "--tls has no effect with --import, which serves nothing"),
    (["--import", "a", "--check"], "--check has no effect with --import"),
    (["--import", "a", "--record-ca", "b"], "--record-ca needs --record"),
    (["--import"], "argument --import: expected at least one argument"),
]


@cases("arguments, message", WRONG_OPTIONS)
def test_what_has_no_effect_beside_it_is_refused(arguments: List[str], message: str) -> None:
    with pytest.raises(m.BadOption) as caught:
        m.parse_arguments(arguments, {})
    assert str(caught.value).startswith(message)


def test_the_environment_of_a_container_does_not_keep_it_from_running() -> None:
    values = m.parse_arguments(["--import", "a", "b", "--import", "c"], {"MOCK_SERVER_PORT": "80"})
    assert values["import"] == ["a", "b", "c"]


def test_a_directory_that_can_not_be_written_is_said(run: Run) -> None:
    inside_a_file = Path(run.put("c.json", FIXTURES)) / "data"
    found = m.import_files([str(run.folder / "c.json")], str(inside_a_file))
    assert found.count == 0
    assert found.problem.startswith(f"can't write to {inside_a_file}: ")
    run.data = inside_a_file
    status, lines = run.imports(str(run.folder / "c.json"))
    assert status in (1, 2) and lines[-1].startswith("mock_server.py: ")


def test_what_is_told_of_a_file_is_bounded(run: Run) -> None:
    fixtures = [{"match": {}, "response": {"content": "x"}}] * 60
    fixtures += [{"match": {}, "response": {"live": {}}}] * 60
    status, lines = run.imports(run.put("c.json", {"fixtures": fixtures}))
    assert status == 0 and len(lines) < 120
    assert "  not used: 10 more" in lines
    assert "9 more; --check tells them all" in lines


def test_nothing_secret_is_told(run: Run) -> None:
    fixtures = [{"match": {"userMessage": {"a": KEY}}, "response": {"content": "x"}}]
    status, lines = run.imports(run.put(f"{KEY}.json", {"fixtures": fixtures}))
    assert status == 2  # and no line has the key, as with every import here
    assert (
        lines[1]
        == '  not used: fixtures[0]: match.userMessage: expected a string, found {"a": "***"}'
    )


def test_other_times_make_no_other_recording(tmp_path: Path) -> None:
    mock = "mocks/recorded/a.json"
    spec = {"name": "a", "match": {"user": "Hi"}, "response": {"events": "@recordings/a.sse"}}
    kept = {"recordings/a.sse": b"x", "recordings/a.times.json": b"[1]", mock: m.mock_file(spec)}
    assert m.Folder(str(tmp_path), print).keep(m.Made("a", kept, mock)) == (mock, "")
    for name, expected in (("recordings/a.times.json", True), ("recordings/a.sse", False)):
        made = m.Made("a", {**kept, name: b"other"}, mock)
        assert m.Import(str(tmp_path)).is_there(made, mock) is expected, name


def test_names_of_files_are_safe_and_keep_their_order() -> None:
    assert m.ordered_names(["a", "b"]) == ["a", "b"]
    assert m.ordered_names(["b", "a"]) == ["1-b", "2-a"]
    assert m.ordered_names(["../É x", "."]) == ["e-x", "fixtures"]
    assert m.ordered_names(["a", "a"]) == ["1-a", "2-a"]
    assert m.ordered_names(["a", "a-b"]) == ["1-a", "2-a-b"]  # "a-b.json" is before "a.json"
