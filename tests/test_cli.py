"""The command line, in this process: options, usage errors, and a run from start to stop."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import threading
from typing import Any, Callable, Iterator, List, Tuple

import pytest
from clients import PATIENCE, chat, fetch, wait_until
from mocked import mock_of

import mock_server as m


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Gives back what a run takes: signals."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.set_wakeup_fd(-1)


USAGE_ERRORS = [
    (["--mocks", "x"], 'unknown argument "--mocks"; did you mean "--data"?'),
    (["--fallbak", "echo"], 'unknown argument "--fallbak"; did you mean "--fallback"?'),
    (["--port=1"], 'unknown argument "--port=1"; ports need no flag, as in mock_server.py 5001'),
    (["0", "--strict", "some"], 'a value of --strict stands behind "=", as in --strict=all'),
    (["--fallback", "ecko"], '--fallback: found "ecko"; did you mean "echo"?'),
    (["70000"], 'port: expected a port from 0 to 65535, found "70000"'),
    (["x"], "expected a port"),
    (["--pace", "-1"], "--pace"),
    (["--pace", "nan"], "--pace: expected seconds"),
    (["--data", "/nowhere-at-all"], '--data: no directory "/nowhere-at-all"'),
    (["--max-body", "0"], "--max-body: expected a number of bytes, at least 1, found"),
    (["--journal", "-1"], "--journal: expected a number of requests from 0 to 1000000000, found"),
    (["--journal", "1" + "0" * 10], "--journal: expected a number of requests from 0 to"),
    (["5005", "0", "0", "5005"], "port: 5005 is named twice; name each once, or 0 for a free one"),
    (["--dialect", "9" * 5000 + "=groq"], "--dialect: expected PORT=NAME, such as 5001=mistral, w"),
    (["--seed", "one"], '--seed: expected a whole number, found "one"'),
    (["--log"], "--log"),
    (["--cert", "a.pem"], "--cert and --key go together"),
    (["--tls-name", "a.internal"], "--tls-name needs --tls"),
    (["--tls", "--tls-name", "a b"], "--tls-name: expected a name or an address"),
    (
        ["--tls", "--cert", "a", "--key", "b", "--tls-cert-out", "c"],
        "--tls-cert-out is for a certificate made at start",
    ),
]


@pytest.mark.parametrize("arguments, message", USAGE_ERRORS)
def test_a_usage_error_is_one_line_with_what_would_do(
    capsys: Any, arguments: List[str], message: str
) -> None:
    assert m.main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("mock_server.py: ") and message in err
    assert err.count("\n") == 1 and out == ""


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("MOCK_SERVER_FALLBACK", "x", 'MOCK_SERVER_FALLBACK: found "x"'),
        ("MOCK_SERVER_PORT", "a", "MOCK_SERVER_PORT"),
        ("MOCK_SERVER_REQUIRE_AUTH", "yes", "expected 1, 0, true or false"),
        ("MOCK_SERVER_DIALECT", "5009=groq", "MOCK_SERVER_DIALECT: 5009=groq is for a port that"),
        ("MOCK_SERVER_CERT", "a.pem", "MOCK_SERVER_CERT and --key go together"),
    ],
)
def test_a_wrong_value_in_the_environment_is_named_too(
    capsys: Any, monkeypatch: Any, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    assert m.main([]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--host", "192.0.2.1"], "can't listen on 192.0.2.1 port 0"),
        (["--host", "no such host"], "can't listen on no such host"),
        (["--host", "a..b"], "can't listen on a..b port 0"),
        (["--tls", "--cert", "/no/a.pem", "--key", "/no/b.pem"], "can't read the certificate"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_status_1(
    capsys: Any, arguments: List[str], message: str
) -> None:
    assert m.main(["0", *arguments]) == 1
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""


@pytest.mark.parametrize("arguments", [["0"], ["--check"]])
def test_invalid_mocks_are_status_2_at_start_and_in_a_check(
    capsys: Any, folder: Any, arguments: List[str]
) -> None:
    mocks = [{"response": {"txt": "x"}}, {"response": {"text": "x"}}]
    assert m.main([*arguments, "--data", folder({"mocks/a.json": mocks})]) == 2
    out, err = capsys.readouterr()
    assert 'mocks/a.json#1: response.txt: unknown key; did you mean "text"?' in err and out == ""


def test_a_check_of_mocks_in_which_nothing_is_wrong_says_so(capsys: Any, folder: Any) -> None:
    data = folder({"mocks/a.json": {"response": {"text": "x"}}})
    assert m.main(["--check", "--data", data]) == 0
    assert capsys.readouterr().err == "1 mock, nothing wrong\n"


def test_a_check_of_the_folder_of_mocks_itself_says_which_directory_is_meant(
    capsys: Any, folder: Any
) -> None:
    data = folder({"mocks/a.json": {"response": {"text": "x"}}})
    assert m.main(["--check", "--data", data + "/mocks"]) == 0
    assert f"as *.json files; did you mean --data {data}?\n" in capsys.readouterr().err


CHECKS: List[Any] = [  # files of data directories, and what is said of them
    ([{}], "no mocks in {0}/mocks/, as *.json files\n0 mocks, 1 doubtful\n"),
    ([{"mocks/a.json": []}], "no mocks in {0}/mocks/, as *.json files\n0 mocks, 1 doubtful\n"),
    (
        [
            {
                "mocks/a.json": {"response": {"error": "x"}},
                "mocks/b.json": [{"response": {"body": 1}}],
            }
        ],
        'mocks/b.json#1: is never reached: "mocks/a.json#1" matches all that it does first\n'
        "2 mocks, 1 doubtful\n",
    ),
    (
        [
            {"mocks/a.json": {"match": {"user": "x"}, "response": {"text": "x"}}},
            {
                "mocks/b.json": [
                    {"match": {"user": user}, "response": {"text": ""}} for user in "yz"
                ]
            },
        ],
        "{0}: 1 mock\n{1}: 2 mocks\n3 mocks, nothing wrong\n",
    ),
]


def test_a_check_says_what_is_doubtful_and_how_many_mocks_each_directory_has(
    capsys: Any, tmp_path_factory: Any
) -> None:
    for contents, expected in CHECKS:
        directories = [tmp_path_factory.mktemp("data") for _ in contents]
        for directory, files in zip(directories, contents):
            (directory / "mocks").mkdir()
            for name, value in files.items():
                (directory / name).write_text(json.dumps(value), "utf-8")
        arguments = [word for one in directories for word in ("--data", str(one))]
        assert m.main(["--check", *arguments]) == 0
        assert capsys.readouterr().err == expected.format(*directories)


def test_a_check_for_a_strict_server_says_which_mocks_are_refused_first(
    capsys: Any, folder: Any
) -> None:
    invalid = {"match": {"valid": False}, "response": {"text": "x"}}
    others = [{**invalid, "strict": False}, {"match": {"valid": True}, "response": {"text": "x"}}]
    data = folder({"mocks/a.json": [*others, invalid]})
    never = "mocks/a.json#3: is never reached"
    for more, told in (([], ""), (["--strict"], "mocks/a.json#3: never answers under --strict, ")):
        assert m.main(["--check", "--data", data, *more]) == 0
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if not line.startswith(never)][0].startswith(told)
        assert ("--strict" in "".join(lines)) == bool(more)


def test_the_schema_is_printed(capsys: Any) -> None:
    assert m.main(["--schema"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == m.mock_schema() and err == ""


def test_options_come_from_the_environment_unless_the_command_line_has_them(folder: Any) -> None:
    data = folder({"mocks/a.json": {"response": {"text": "x"}}})
    environment = {
        "MOCK_SERVER_LOG": "off",
        "MOCK_SERVER_PORT": os.pathsep.join(["5005", "0"]),
        "MOCK_SERVER_PACE": "0.5",
        "MOCK_SERVER_DATA": os.pathsep.join([data, data]),
        "MOCK_SERVER_REQUIRE_AUTH": "1",
        "MOCK_SERVER_FALLBACK": "",
    }
    options = m.parse_arguments(["--log", "json"], environment)
    expected = {
        "log": "json",
        "port": [5005, 0],
        "pace": 0.5,
        "data": [data, data],
        "require_auth": True,
        "fallback": "error",
    }
    assert {name: options[name] for name in expected} == expected
    assert m.parse_arguments([], {})["port"] == [5001]


def test_the_version_is_said(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        m.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"mock_server.py {m.__version__}\n"


def test_the_help_names_every_option_and_the_environment(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        m.main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0 and "MOCK_SERVER_" in text
    assert [option.flag for option in m.OPTIONS if option.flag.lstrip("-") not in text] == []


def test_the_help_fits_80_columns_and_shows_a_mock_that_can_be_used(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        m.main(["-h"])
    text = capsys.readouterr().out
    assert max(map(len, text.split("\n"))) <= 80
    assert re.search(r"\n  --strict\[=all\] {10,}refuse", text)
    groups = re.findall(r"(?m)^(\w.*):$", text)
    expected = list(dict.fromkeys(option.group for option in m.OPTIONS))
    assert groups[: len(expected)] == expected
    assert "examples" in groups
    shape = re.findall(r"(?m)^  \{.*?\}\}$", text, re.S)
    assert len(shape) == 1 and mock_of(json.loads(shape[0])).answers


def test_what_is_doubtful_in_the_environment_is_told_without_a_log_too(
    capfd: Any, folder: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MOCK_SERVER_FALBACK", "echo")
    data = folder({"mocks/a.json": {"response": {"text": "x"}}})
    told = (
        'MOCK_SERVER_FALBACK in the environment is no option; did you mean "MOCK_SERVER_FALLBACK"?'
    )
    for mode in ("off", "text", "json"):
        arguments = ["0", "--log", mode, "--data", data]
        status, err = run_while(capfd, arguments, lambda ports: None)
        if mode == "json":
            err = json.loads(err)["message"] + "\n"
        assert (status, err) == (0, told + "\n"), mode


def test_a_modules_data_is_that_of_the_working_directory_unless_other_data_is_asked_for(
    tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert m.data_directories({"data": None}) == []
    (tmp_path / "data").mkdir()
    assert m.data_directories({"data": None}) == ["data"]
    assert m.data_directories({"data": ["other"]}) == ["other"]


def test_a_check_without_a_data_directory_says_so(
    tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert m.main(["--check"]) == 0
    told = "there is no data directory; name one with --data\n0 mocks, 1 doubtful\n"
    assert "".join(capsys.readouterr()) == told


def run_while(
    capture: Any, arguments: List[str], use: Callable[[List[int]], None]
) -> Tuple[int, str]:
    """Run the program, with its standard input open until `use` is done, which is called in
    another thread with the ports that the program says; its exit status and standard error."""
    reader, writer = os.pipe()
    before = os.dup(0)
    os.dup2(reader, 0)
    failures: List[BaseException] = []
    count = sum(argument.isdigit() for argument in arguments)
    said, before_said = io.StringIO(), sys.stdout  # what is captured loses what is said meanwhile

    def work() -> None:
        try:
            wait_until(lambda: said.getvalue().count("\n") == count)
            use([int(port) for port in re.findall(r":(\d+)\n", said.getvalue())])
        except BaseException as failure:  # it is the test's own, and raised there
            failures.append(failure)
        finally:
            os.close(writer)

    thread = threading.Thread(target=work)
    thread.start()
    sys.stdout = said
    try:
        status = m.main([*arguments, "--exit-on-stdin-close"])
    finally:
        sys.stdout = before_said
        os.dup2(before, 0)
        os.close(before)
        os.close(reader)
        thread.join(PATIENCE)
    for failure in failures:
        raise failure
    return status, capture.readouterr().err


def test_it_serves_on_all_its_ports_until_standard_input_closes(capsys: Any, folder: Any) -> None:
    answered = []

    def use(ports: List[int]) -> None:
        for port in ports:
            answered.append((chat(port, user="x"), chat(port, user="Hi")))

    mock = {"match": {"user": "Hi"}, "response": {"text": "from a file"}}
    data = folder({"mocks/a.json": mock})
    arguments = ["0", "0", "--data", data, "--fallback", "echo", "--log", "off"]
    assert run_while(capsys, arguments, use) == (0, "")
    assert answered == [((200, "x"), (200, "from a file"))] * 2


def test_it_says_that_others_may_reach_it_and_that_there_are_no_mocks(
    capfd: Any, folder: Any
) -> None:
    def use(ports: List[int]) -> None:
        assert json.loads(fetch(ports[0], "GET", "/")[1])["status"] == "healthy"

    arguments = ["0", "--host", "0.0.0.0", "--data", folder({})]
    status, err = run_while(capfd, arguments, use)
    assert status == 0 and "0.0.0.0 may be reached from other machines\n" in err
    assert "no mocks: put them in mocks/ of a --data directory, or try --fallback echo\n" in err
