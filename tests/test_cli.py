"""X"""

from __future__ import annotations

import os
from typing import Any

import pytest

import mock_server as m


@pytest.mark.parametrize(
    "arguments, env, status, message",
    [
        (["--fallbak", "echo"], {}, 2, "unknown argument '--fallbak'; did you mean '--fallback'?"),
        (["--fallback", "ecko"], {}, 2, "--fallback: found 'ecko'; did you mean 'echo'?"),
        (["70000"], {}, 2, "port: expected a port from 0 to 65535, found '70000'"),
        (["x"], {}, 2, "expected a port"),
        (["--pace", "-1"], {}, 2, "--pace"),
        (["--pace", "nan"], {}, 2, "--pace: expected seconds"),
        (["--data", "/nowhere-at-all"], {}, 2, "--data: no directory '/nowhere-at-all'"),
        (["--max-body", "0"], {}, 2, "--max-body: expected a number of bytes"),
        (["--log"], {}, 2, "--log"),
        ([], {"MOCK_SERVER_FALLBACK": "x"}, 2, "MOCK_SERVER_FALLBACK: found 'x'"),
        ([], {"MOCK_SERVER_PORT": "a"}, 2, "MOCK_SERVER_PORT"),
        ([], {"MOCK_SERVER_REQUIRE_AUTH": "yes"}, 2, "expected 1 or 0"),
        (["0", "--host", "192.0.2.1"], {}, 1, "can't listen on 192.0.2.1 port 0"),
        (["0", "--host", "no such host"], {}, 1, "can't listen on no such host"),
        (["0", "--host", "a..b"], {}, 1, "can't listen on a..b port 0"),
    ],
)
def test_a_usage_error_is_one_line_with_what_would_do(
    arguments: Any, env: Any, status: int, message: str
) -> None:
    code, out, err = run(*arguments, env=env)
    assert (
        code == status
        and message in err
        and err.count("\n") == 1
        and out == ""
        and "Traceback" not in err
    )


def test_invalid_mocks_are_exit_2_at_start_and_in_a_check(folder: Any) -> None:
    directory = folder({"mocks/a.json": [{"response": {"txt": "x"}}, {"response": {"text": "x"}}]})
    for arguments in (["0", "--data", directory], ["--check", "--data", directory]):
        code, out, err = run(*arguments)
        assert (
            code == 2
            and "mocks/a.json#1: response.txt: unknown key; did you mean 'text'?" in err
            and out == ""
        )
    folder({"mocks/a.json": [{"response": {"text": "x"}}]})
    assert run("--check", "--data", directory)[0] == 0


def test_options_come_from_the_environment_unless_the_command_line_has_them(folder: Any) -> None:
    directory = folder({"mocks/a.json": {"response": {"text": "x"}}})
    options = m.parse_arguments(
        ["--log", "json"],
        {
            "MOCK_SERVER_LOG": "off",
            "MOCK_SERVER_PORT": os.pathsep.join(["5005", "0"]),
            "MOCK_SERVER_PACE": "0.5",
            "MOCK_SERVER_DATA": os.pathsep.join([directory, directory]),
            "MOCK_SERVER_REQUIRE_AUTH": "1",
        },
    )
    assert (
        options["log"],
        options["port"],
        options["pace"],
        options["data"],
        options["require_auth"],
    ) == (
        "json",
        [5005, 0],
        0.5,
        [directory] * 2,
        True,
    )
    assert m.parse_arguments([], {})["port"] == [5001]


def test_version_and_help_say_what_there_is() -> None:
    assert run("--version")[1].strip() == f"mock_server.py {m.__version__}"
    text = run("--help")[1]
    assert (
        all(option.flag in text for option in m.OPTIONS if option.flag[0] == "-")
        and "MOCK_SERVER_" in text
    )
