"""Options: one table for the command line, the environment, MockServer's keywords and the docs."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any, List, Tuple

import pytest
from cases import cases
from pages import page, table, words

import mock_server as m
from mock_server import MockServer

KEYWORDS = {option.name: option.keyword_default for option in m.OPTIONS if option.is_keyword}
REPEATABLE = ["port", "data", "dialect", "credential", "record", "tls_name", "import"]

# For each option a text, and the value that it stands for, which MockServer takes as it is.
GOOD: List[Tuple[str, str, Any]] = [
    ("port", "5005", 5005),
    ("host", "0.0.0.0", "0.0.0.0"),
    ("data", os.curdir, os.curdir),
    ("fallback", "echo", "echo"),
    ("dialect", "5001=mistral", "5001=mistral"),
    ("pace", "0.5", 0.5),
    ("pace", "3600", 3600),
    ("require_auth", "1", True),
    ("credential", "openai=sk-test", "openai=sk-test"),
    ("strict", "1", True),
    ("strict", "all", "all"),
    ("record", "openai=https://api.openai.com/", "openai=https://api.openai.com"),
    ("record", "other=http://[::1]:8080/a/b", "other=http://[::1]:8080/a/b"),
    ("record_to", "recorded", "recorded"),
    ("record_errors", "1", True),
    ("record_ca", "ca.pem", "ca.pem"),
    ("tls", "true", True),
    ("cert", "a.pem", "a.pem"),
    ("key", "b.pem", "b.pem"),
    ("tls_name", "*.internal", "*.internal"),
    ("tls_name", "192.0.2.7", "192.0.2.7"),
    ("tls_cert_out", "c.pem", "c.pem"),
    ("seed", "-7", -7),
    ("control_token", "secret", "secret"),
    ("max_body", "1", 1),
    ("journal", "0", 0),
    ("log", "json", "json"),
    ("exit_on_stdin_close", "true", True),
    ("check", "0", False),
    ("schema", "True", True),
    ("import", "a.har", "a.har"),
    ("completions", "fish", "fish"),
]

PORT_AND_NAME = "expected PORT=NAME, such as 5001=mistral, with a port from 1 to 65535, found {}"
NAME_AND_URL = "expected PROVIDER=URL, such as openai=https://api.openai.com, found no NAME="
URL = "expected http:// or https://, a host, and maybe a port and a path"
WITH_USER = "has a user in its URL; the credentials of each client are forwarded"
WITH_QUERY = "has a query or a fragment in its URL; the query of each request is forwarded"
# A text and a value that can't be followed, and what is said of both behind the option's name.
BAD: List[Tuple[str, str, Any, str]] = [
    ("port", "70000", 70000, "expected a port from 0 to 65535, found {}"),
    ("port", "x", "x", "expected a port from 0 to 65535, found {}"),
    ("data", "/nowhere-at-all", "/nowhere-at-all", 'no directory "/nowhere-at-all"'),
    ("fallback", "ecko", "ecko", 'found "ecko"; did you mean "echo"?'),
    ("dialect", "mistral", "mistral", PORT_AND_NAME),
    ("dialect", "0=mistral", "0=mistral", PORT_AND_NAME),
    ("dialect", "5001=mistrel", "5001=mistrel", 'found "mistrel"; did you mean "mistral"?'),
    ("pace", "-1", -1, "expected seconds from 0 to 3600, found {}"),
    ("pace", "3600.5", 3600.5, "expected seconds from 0 to 3600, found {}"),
    ("pace", "x", "x", "expected seconds from 0 to 3600, found {}"),
    ("pace", "nan", "nan", "expected seconds from 0 to 3600, found {}"),
    ("require_auth", "yes", "yes", "expected 1, 0, true or false, found {}"),
    ("strict", "some", "some", "expected 1, 0, true, false or all, found {}"),
    ("record", "https://a/?b=c", "https://a/?b=c", NAME_AND_URL),
    ("record", "opanai=https://a", "opanai=https://a", 'found "opanai"; did you mean "openai"?'),
    ("record", "openai=ftp://a", "openai=ftp://a", URL),
    ("record", "openai=http://a:0", "openai=http://a:0", URL),
    ("record", "openai=http://[a", "openai=http://[a", URL),
    ("record", "openai=http://me:secret@a", "openai=http://me:secret@a", WITH_USER),
    ("record", "openai=http://a/?key=secret", "openai=http://a/?key=secret", WITH_QUERY),
    ("tls", "2", 2, "expected 1, 0, true or false, found {}"),
    ("tls_name", "a b", "a b", "expected a name or an address, found {}"),
    ("seed", "one", "one", "expected a whole number, found {}"),
    ("seed", "1.5", 1.5, "expected a whole number, found {}"),
    ("max_body", "0", 0, "expected a number of bytes, at least 1, found {}"),
    ("journal", "-1", -1, "expected a number of requests from 0 to 1000000000, found {}"),
    (
        "journal",
        "10000000000",
        10000000000,
        "expected a number of requests from 0 to 1000000000, found {}",
    ),
    ("log", "txt", "txt", 'found "txt"; did you mean "text"?'),
]

# What only Python can say wrongly: not every value is a text there.
BAD_KEYWORDS = [
    ("pace", True, "expected seconds from 0 to 3600, found true"),
    ("pace", "1", 'expected seconds from 0 to 3600, found "1"'),
    ("pace", float("inf"), "expected seconds from 0 to 3600, found Infinity"),
    ("data", 3, "expected a directory, found 3"),
    ("data", [os.curdir, 3], "expected a directory, found 3"),
    ("cert", 3, "expected a file, found 3"),
    ("seed", True, "expected a whole number, found true"),
    ("max_body", 1.5, "expected a number of bytes, at least 1, found 1.5"),
]

# Options that don't go together, and the sentence with their names where braces are.
BAD_TOGETHER = [
    (
        {"tls": True, "cert": "a.pem"},
        "{cert} and {key} go together; give both, or neither for a certificate made at start",
    ),
    ({"cert": "a.pem", "key": "b.pem"}, "{cert} needs {tls}"),
    ({"record_to": "a"}, "{record_to} needs {record}"),
    ({"record_errors": True}, "{record_errors} needs {record}"),
    ({"record_ca": "ca.pem"}, "{record_ca} needs {record}"),
    (
        {"record": ["openai=http://a", "openai=http://b"]},
        "{record}: openai has two, http://a and http://b",
    ),
    ({"tls_name": ["a.internal"]}, "{tls_name} needs {tls}"),
    ({"tls_cert_out": "c.pem"}, "{tls_cert_out} needs {tls}"),
    (
        {"tls": True, "cert": "a.pem", "key": "b.pem", "tls_cert_out": "c.pem"},
        "{tls_cert_out} is for a certificate made at start; leave it out, or {cert} and {key}",
    ),
]


def option_of(name: str) -> m.Option:
    """The option of this name in Python."""
    return next(option for option in m.OPTIONS if option.name == name)


def arguments_of(name: str, text: str) -> List[str]:
    """The words of a command line that give an option a text."""
    option = option_of(name)
    if option.alone:  # it need not have a value, and so takes no word behind it for one
        return [f"{option.flag}={text}"]
    return [text] if name == "port" else [option.flag, text]


def from_all_three(name: str, text: str, value: Any) -> List[Any]:
    """An option's value from the command line, the environment and a keyword."""
    option = option_of(name)
    found = [m.option_value(option, None, {option.variable: text})]
    if not option.is_flag:
        given = [text] if option.is_repeatable else text
        found.append(m.option_value(option, given, {}))
    if option.is_keyword:
        read = option.read_keyword(value)
        found.append([read] if name == "port" else read)
    return found


@cases("name, text, value", GOOD)
def test_a_value_is_the_same_wherever_it_is_from(name: str, text: str, value: Any) -> None:
    expected = [value] if name in REPEATABLE else value
    for found in from_all_three(name, text, value):
        assert found == expected


def test_every_option_has_a_good_value_here() -> None:
    assert {name for name, _, _ in GOOD} == {option.name for option in m.OPTIONS}


@cases("name, text, value, message", BAD)
def test_what_is_wrong_is_said_in_the_same_words_wherever_it_is_from(
    name: str, text: str, value: Any, message: str
) -> None:
    option = option_of(name)
    as_written = message.format(f'"{text}"')
    if not option.is_flag:
        with pytest.raises(m.BadOption) as flag:
            m.parse_arguments(arguments_of(name, text), {})
        assert str(flag.value) == f"{option.flag}: {as_written}"
    with pytest.raises(m.BadOption) as variable:
        m.parse_arguments([], {option.variable: text})
    assert str(variable.value) == f"{option.variable}: {as_written}"
    with pytest.raises(ValueError) as keyword:
        MockServer(**{name: value})
    shown = m.shown(value)
    assert str(keyword.value) == f"{name}: {message.format(shown)}"


@pytest.mark.parametrize("name, value, message", BAD_KEYWORDS)
def test_a_keyword_is_checked_like_a_word_of_the_command_line(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        MockServer(**{name: value})
    assert str(caught.value) == f"{name}: {message}"


@pytest.mark.parametrize("values, message", BAD_TOGETHER)
def test_options_that_do_not_go_together_are_refused_everywhere(values: Any, message: str) -> None:
    with pytest.raises(ValueError) as keywords:
        MockServer(**values)
    assert str(keywords.value) == message.format(**{name: name for name in m.BY_NAME})
    words: List[str] = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            words += [option_of(name).flag] if one is True else [option_of(name).flag, one]
    with pytest.raises(m.BadOption) as flags:
        m.parse_arguments(words, {})
    named = {name: option.flag for name, option in m.BY_NAME.items()}
    assert str(flags.value) == message.format(**named)


@pytest.mark.parametrize(
    "text, value", [("1", True), ("true", True), ("0", False), ("false", False), ("", False)]
)
def test_a_flag_in_the_environment_takes_1_0_true_and_false(text: str, value: bool) -> None:
    assert m.parse_arguments([], {"MOCK_SERVER_REQUIRE_AUTH": text})["require_auth"] is value


def test_an_empty_word_on_the_command_line_goes_before_the_environment() -> None:
    environment = {"MOCK_SERVER_CONTROL_TOKEN": "secret"}
    assert m.parse_arguments([], environment)["control_token"] == "secret"
    assert m.parse_arguments(["--control-token", ""], environment)["control_token"] == ""


def test_without_words_and_environment_every_option_has_its_default() -> None:
    expected = {}
    for option in m.OPTIONS:
        expected[option.name] = list(option.default) if option.is_repeatable else option.default
    assert m.parse_arguments([], {}) == expected


def test_a_directory_may_be_a_path_and_stand_alone_or_among_others(tmp_path: Path) -> None:
    data = option_of("data")
    for value in (tmp_path, str(tmp_path), [tmp_path], (str(tmp_path),), {tmp_path}):
        assert data.read_keyword(value) == [str(tmp_path)]
    assert data.read_keyword(iter([tmp_path, tmp_path])) == [str(tmp_path)] * 2
    assert data.read_keyword(()) == []


def test_mock_server_has_the_keywords_and_defaults_of_the_table() -> None:
    parameters = dict(inspect.signature(MockServer.__init__).parameters)
    del parameters["self"], parameters["core"]
    assert {name: one.default for name, one in parameters.items()} == KEYWORDS
    kinds = {name: one.kind for name, one in parameters.items()}
    assert kinds.pop("port") is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}


def test_none_is_the_same_as_leaving_a_keyword_out() -> None:
    names = [option.name for option in m.OPTIONS if option.is_keyword]
    defaults = {name: m.keyword_default(name) for name in names}
    assert m.read_keywords(dict.fromkeys(names)) == m.read_keywords(defaults)


def test_settings_are_the_keywords_but_for_the_port() -> None:
    usual = m.Settings()
    settings = {name: getattr(usual, name) for name in m.field_names(m.Settings)}
    assert {**settings, "port": 0} == KEYWORDS


def test_a_further_port_has_the_settings_of_its_core() -> None:
    with MockServer(fallback="echo", seed=3) as first, MockServer(core=first.core) as second:
        assert second.core.settings is first.core.settings
        assert second.core.settings == m.Settings(
            fallback="echo", seed=3, data=[], tls_name=[], dialect=[], credential=[], record=[]
        )


# How the page writes the defaults that there are.
WRITTEN_DEFAULTS = {
    "port": ((5001,), "(default 5001)"),
    "host": ("127.0.0.1", "(default 127.0.0.1)"),
    "fallback": ("error", "404 that explains (default)"),
    "pace": (None, "(default 0)"),
    "seed": (0, "(default 0)"),
    "max_body": (16 * 1024 * 1024, "(default 16 MiB)"),
    "journal": (1000, "(default 1000)"),
    "log": ("text", "(default text)"),
}


def test_the_page_lists_every_option_with_its_default() -> None:
    rows = table("command-line", "option")
    assert len(rows) == len(m.OPTIONS)
    for (flag, variable, meaning), option in zip(rows, m.OPTIONS):
        assert re.split(r"[ \[]", words(flag)[0])[0].lower() == option.flag
        assert words(variable) == [option.variable]
        if option.name in WRITTEN_DEFAULTS:
            default, text = WRITTEN_DEFAULTS[option.name]
            assert option.default == default and text in meaning
        else:
            assert not option.default and "(default" not in meaning.replace("(default: `data/`", "")


def test_the_page_lists_the_keywords_of_mock_server() -> None:
    sentence = page("python").split("`MockServer` takes the options as keywords (")[1].split(")")[0]
    parameters = list(inspect.signature(MockServer.__init__).parameters)[1:-1]
    assert words(sentence) == parameters


def test_the_help_says_each_default(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        m.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for option in m.OPTIONS:
        default = option.default
        if option.is_repeatable:
            default = ", ".join(map(str, default))
        if default:
            assert f"{option.help} (default: {default})" in text
        else:
            assert option.help in text and f"{option.help} (default: )" not in text


def test_what_is_recorded_goes_into_one_of_the_data_directories(tmp_path: Path) -> None:
    data, link, new = (str(tmp_path / name) for name in ("data", "link", "new"))
    os.mkdir(data)
    os.symlink(data, link)
    for given, place, told in (
        ([data], None, ([data], data)),
        ([data, link], None, ([data, link], data)),
        ([data], new, ([data, new], new)),
        ([data], link, ([data], link)),
        ([], new, ([new], new)),
    ):
        record = ["openai=http://a"]
        values = m.read_keywords({**KEYWORDS, "data": given, "record": record, "record_to": place})
        assert (values["data"], values["record_to"]) == told
    with pytest.raises(ValueError, match="record needs a directory .* with record_to, or .* data"):
        MockServer(record="openai=http://a")
    for inside in ("mocks", "mocks/recorded"):
        place = os.path.join(data, inside)
        with pytest.raises(ValueError, match="record_to: .* is where the mocks of .* are"):
            MockServer(record="openai=http://a", data=data, record_to=place)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match='record_to: ".*file" is no directory'):
        MockServer(record="openai=http://a", record_to=str(tmp_path / "file"))


def test_the_command_line_records_beside_its_mocks_unless_it_is_told_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--record", "openai=http://a", "--data", str(tmp_path)]
    assert m.parse_arguments(asked, {})["record_to"] == str(tmp_path)
    monkeypatch.chdir(tmp_path)  # for the script it is the directory that it is in
    options = m.parse_arguments(asked[:2], {})
    assert (options["record_to"], options["data"]) == ("data", ["data"])
    options = m.parse_arguments([*asked, "--record-to", "not/yet"], {})
    assert options["data"] == [str(tmp_path), "not/yet"]
    assert m.parse_arguments([], {})["data"] == []
