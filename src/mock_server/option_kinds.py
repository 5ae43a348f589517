"""What kinds of options there are, and what is wrong with a value that is none of its kind.

May look whether a directory exists.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Iterable, List, NamedTuple, Sequence, Tuple, Union
from urllib.parse import urlsplit

from .credential_pairs import checked_credential, separated_credentials
from .errors import MISSING, WrongValue, shown
from .limits import CREDENTIAL_NAMES, DIALECTS, RECORD_NAMES
from .node import Written

HOST_NAME = re.compile(
    r"(?:\*\.)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,250}"  # a name, maybe with a wildcard
    r"|[0-9A-Fa-f:.]+"  # an address
)
ALL = "all"  # rules of providers, those among them that are off unless asked for
URL_TEXT = re.compile(r"[\x21-\x7e]+")
FLAGS = {"1": True, "true": True, "0": False, "false": False}


class BadOption(WrongValue):
    """An option that can't be followed."""


class OptionNode(Written):
    """What an option is given."""

    __slots__ = ()
    error = BadOption


# --- kinds of options ---


def separated(text: str) -> List[str]:
    """What stands between the path separators of a text."""
    return [part for part in text.split(os.pathsep) if part]


class Kind(NamedTuple):
    """What an option takes: `parse` reads a text, ValueError if that is none of the kind; `check`
    gives the value back if it is as it must be, wherever it is from; `separate` finds the texts of
    several values in one, as the environment has them; `words` are all that it takes, or what a
    pair of NAME=VALUE has as its word."""

    parse: Callable[[str], Any]
    check: Callable[[OptionNode], Any]
    separate: Callable[[str], List[str]] = separated
    words: Sequence[str] = ()


def checked_path(node: OptionNode, what: str = "a file") -> str:
    """A path, as text or as a pathlib.Path."""
    if not isinstance(node.value, (str, os.PathLike)):
        node.expected(what)
    return os.fspath(node.value)


def checked_directory(node: OptionNode) -> str:
    """The path of a directory that exists."""
    path = checked_path(node, "a directory")
    if not os.path.isdir(path):
        node.fail(f"no directory {shown(path)}")
    return path


def checked_place(node: OptionNode) -> str:
    """The path of a directory that may not exist yet."""
    path = checked_path(node, "a directory")
    if os.path.lexists(path) and not os.path.isdir(path):
        node.fail(f"{shown(path)} is no directory")
    return path


def is_among(path: str, others: Iterable[str]) -> bool:
    """Whether a path leads where one of the others does."""
    return os.path.realpath(path) in map(os.path.realpath, others)


def lies_in_mocks(path: str, directory: str) -> bool:
    """Whether a path leads to where a data directory's mocks are, or below."""
    mocks = os.path.realpath(os.path.join(directory, "mocks"))
    return (os.path.realpath(path) + os.sep).startswith(mocks + os.sep)


def checked_host_name(node: OptionNode) -> str:
    """A host name, maybe with a wildcard, or an address."""
    if not node.is_a("a string") or not HOST_NAME.fullmatch(node.value):
        node.expected("a name or an address")
    return str(node.value)


def checked_flag(node: OptionNode) -> bool:
    """True or false."""
    if node.value not in (True, False):  # 1 == True
        node.expected("1, 0, true or false")
    return bool(node.value)


def checked_strict(node: OptionNode) -> Union[bool, str]:
    """True, false, or that what is usually off holds, too."""
    if node.value == ALL:
        return ALL
    if node.value not in (True, False):  # 1 == True
        node.expected("1, 0, true, false or all")
    return bool(node.value)


def checked_port(node: OptionNode) -> int:
    """A port."""
    if isinstance(node.value, str) and "=" in node.value:
        # It may be a credential whose flag was forgotten.
        node.replaced(MISSING).fail("expected a port from 0 to 65535, found NAME=VALUE")
    return int(node.integer("a port from 0 to 65535", 0, 65535))


def whole(what: str, least: float, most: float) -> Kind:
    """A whole number from `least` to `most`; `what` says so in words."""
    return Kind(int, lambda node: node.integer(what, least, most))


def word_of(words: str) -> Kind:
    """One of the words between the bars of `error|echo`."""
    listed = words.split("|")
    return Kind(str, lambda node: node.choice(listed), words=listed)


def port_and_dialect(text: str) -> Tuple[int, str]:
    """The two halves of `5001=mistral`."""
    port, _, name = text.partition("=")
    return int(port), name


def checked_dialect(node: OptionNode) -> str:
    """A port and the dialect that it speaks, as `5001=mistral`."""
    text = node.text()
    port, equals, name = text.partition("=")
    # Of many digits Python makes no number.
    if not equals or not port.isdecimal() or len(port) > 5 or not 0 < int(port) < 65536:
        node.expected("PORT=NAME, such as 5001=mistral, with a port from 1 to 65535")
    OptionNode(name, node.source, written=name).choice(DIALECTS)
    return f"{int(port)}={name}"


def name_and_url(text: str) -> Tuple[str, str]:
    """The two halves of `openai=https://api.openai.com`."""
    name, _, url = text.partition("=")
    return name, url


def checked_record(node: OptionNode) -> str:
    """A name and the URL to which its requests go, as `openai=https://api.openai.com`."""
    text = node.text()
    name, equals, url = text.partition("=")
    if not equals or "://" in name:
        node.replaced(MISSING).fail(
            "expected PROVIDER=URL, such as openai=https://api.openai.com, found no NAME="
        )
    OptionNode(name, node.source, written=name).choice(RECORD_NAMES)
    check_url(OptionNode(url, node.source, written=url))
    return f"{name}={url.rstrip('/')}"


def check_url(node: OptionNode) -> None:
    """Fail for a URL to which nothing can be forwarded.  What may be a credential is not shown."""
    hidden = node.replaced(MISSING)
    what = "expected http:// or https://, a host, and maybe a port and a path"
    try:
        parts = urlsplit(node.value)
        is_bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        is_bad = True
    if is_bad or not URL_TEXT.fullmatch(node.value):
        hidden.fail(what)
    if "@" in parts.netloc:
        hidden.fail("has a user in its URL; the credentials of each client are forwarded")
    if parts.query or parts.fragment or node.value[-1:] in "?#":
        hidden.fail("has a query or a fragment in its URL; the query of each request is forwarded")


TEXT = Kind(str, lambda node: node.text())
FILE = Kind(str, checked_path)
DIRECTORY = Kind(str, checked_directory)
PLACE = Kind(str, checked_place)
NAME = Kind(str, checked_host_name)
DIALECT = Kind(str, checked_dialect, words=DIALECTS)
STRICT = Kind(lambda text: {**FLAGS, ALL: ALL}.get(text.lower(), text), checked_strict, words=[ALL])
# A URL has the path separator.
RECORD = Kind(str, checked_record, lambda text: text.split(), words=RECORD_NAMES)
FLAG = Kind(lambda text: FLAGS.get(text.lower(), text), checked_flag)
SECONDS = Kind(float, lambda node: node.number("seconds from 0 to 3600", 0, 3600))
PORT = Kind(int, checked_port)
CREDENTIAL = Kind(
    str,
    checked_credential,
    lambda text: separated_credentials(text, os.pathsep),
    words=CREDENTIAL_NAMES,
)
SHELL = word_of("bash|zsh|fish")
SEED = whole("a whole number", float("-inf"), float("inf"))
BYTES = whole("a number of bytes, at least 1", 1, float("inf"))
REQUESTS = whole("a number of requests from 0 to 1000000000", 0, 10**9)
