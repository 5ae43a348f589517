"""The environment: variables of options, service links that are passed over, unknown ones."""

from __future__ import annotations

import os
from typing import Any, Dict, List

import mock_server as m

# What Kubernetes sets beside a service called mock-server with a port called http, and beside
# others called mock-server-tls and mock-server-2.
LINKS = {
    "MOCK_SERVER_SERVICE_HOST": "10.0.0.11",
    "MOCK_SERVER_SERVICE_PORT": "5001",
    "MOCK_SERVER_SERVICE_PORT_HTTP": "5001",
    "MOCK_SERVER_PORT": "tcp://10.0.0.11:5001",
    "MOCK_SERVER_PORT_5001_TCP": "tcp://10.0.0.11:5001",
    "MOCK_SERVER_PORT_5001_TCP_PROTO": "tcp",
    "MOCK_SERVER_PORT_5001_TCP_PORT": "5001",
    "MOCK_SERVER_PORT_5001_TCP_ADDR": "10.0.0.11",
    "MOCK_SERVER_TLS_SERVICE_HOST": "fd00::1",
    "MOCK_SERVER_TLS_PORT": "udp://[fd00::1]:53",
    "MOCK_SERVER_2_SERVICE_PORT": "80",
}


def test_service_links_are_no_options_and_are_told_in_one_line() -> None:
    assert m.parse_arguments([], LINKS) == m.parse_arguments([], {})
    assert m.parse_arguments(["0"], LINKS)["port"] == [0]
    names = ", ".join(sorted(LINKS))
    told = f"service links in the environment are passed over: {names}"
    assert m.passed_over({**LINKS, "MOCK_SERVER_LOG": "off", "HOME": "/"}) == [told]


def test_variables_that_are_no_options_are_told_with_the_nearest_one() -> None:
    cases: List[Any] = [
        ("MOCK_SERVER_FALBACK", "MOCK_SERVER_FALLBACK"),
        ("MOCK_SERVER_PORTS", "MOCK_SERVER_PORT"),
        ("MOCK_SERVER_REQUIREAUTH", "MOCK_SERVER_REQUIRE_AUTH"),
    ]
    for name, meant in cases:
        assert m.passed_over({name: "1"}) == [
            f'{name} in the environment is no option; did you mean "{meant}"?'
        ]
    [line] = m.passed_over({"MOCK_SERVER_IMAGE": "1"})
    assert line.startswith(
        "MOCK_SERVER_IMAGE in the environment is no option; known after MOCK_SERVER_: CERT, CHECK, "
    )
    known = {option.variable: "1" for option in m.OPTIONS}
    assert m.passed_over({**known, "MOCK_SERVER_X": "", "MOCKSERVER_LOG": "1"}) == []


def test_only_a_port_may_be_a_service_link(capsys: Any, monkeypatch: Any) -> None:
    wrong: Dict[str, str] = {
        "MOCK_SERVER_PORT": "tcp:10.0.0.1",
        "MOCK_SERVER_FALLBACK": "tcp://10.0.0.1:80",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
        assert m.main(["--check"]) == 2
        assert name in capsys.readouterr().err
        monkeypatch.delenv(name)


def test_flags_take_1_0_true_and_false_and_nothing_else() -> None:
    for value, expected in (("1", True), ("0", False), ("true", True), ("False", False)):
        assert m.parse_arguments([], {"MOCK_SERVER_TLS": value})["tls"] is expected
    for value in ("yes", "no", "on", "2", " "):
        try:
            m.parse_arguments([], {"MOCK_SERVER_TLS": value})
        except m.BadOption as error:
            assert "expected 1, 0, true or false" in str(error)
        else:
            raise AssertionError(value)


def test_what_is_passed_over_is_told_before_a_check_and_a_schema(
    capsys: Any, monkeypatch: Any, folder: Any
) -> None:
    data = folder({"mocks/a.json": {"response": {"text": "x"}}})
    monkeypatch.setenv("MOCK_SERVER_DATA", os.pathsep.join([data]))
    monkeypatch.setenv("MOCK_SERVER_PORT", "tcp://10.0.0.1:80")
    for word in ("--check", "--schema"):
        assert m.main([word]) == 0
        assert "service links in the environment" in capsys.readouterr().err
