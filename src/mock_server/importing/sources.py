"""The files that are named to be imported, and what they hold.  May touch files."""

from __future__ import annotations

import os
import re
from typing import Callable, Iterator, Mapping, Tuple

from ..jsons import parse_json, within
from ..limits import Json
from ..records import record
from .finds import LARGEST_FILE, Unusable, as_utf8

MOST_FILES = 10_000  # of a directory
FILE_ENDINGS = (".json", ".har")  # of those of a directory that are looked at
READ_HERE = (
    "--import reads HAR files, what curl -is, curl -isN --raw, curl -v and curl --trace print, and "
    "aimock's fixtures"
)

# The beginnings of files that are no JSON.
BEGINNINGS: Tuple[Tuple[bytes, str], ...] = (
    (rb"\x1f\x8b", "is compressed; gunzip it first"),
    (rb"PK\x03\x04", "is an archive; unpack it first"),
    (
        rb"\d{2,9}:\d",
        "holds flows of mitmproxy; mitmdump -nr FILE --set hardump=FILE.har makes a HAR of them",
    ),
    (
        rb"(?:data|event|id|retry):|:",
        "is an event stream without its head, which curl -is prints before it",
    ),
    (rb"(?s).{0,4000}^interactions:", "is a cassette of VCR"),
    (rb'\{[^\n]*"custom_id"', "is a batch file of OpenAI, with requests or answers alone"),
    (
        rb"(?s).{0,4000}^[ \t]*(?:< ?)?HTTP/[0-9.]+ [0-9]{3}\b",
        "has the head of an answer in it, but not where it begins; keep what curl wrote",
    ),
    (rb"#!|//|import |from |export |const |module\.", "is a program"),
)


@record
class Source:
    """A file to import: `name` is how it is called in what is made of it, and `found` whether it
    was found in a directory, where it may be something else."""

    path: str
    name: str
    found: bool = False


def sources_of(path: str) -> Iterator[Source]:
    """The files that a word of the command line names: a directory means the JSON and HAR files in
    it, as deep as they lie, in the order in which aimock reads them.  Unusable, if there are too
    many."""
    if not os.path.isdir(path):
        yield Source(path, stem_of(os.path.basename(path)))
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name != "node_modules" and name[0] != ".")
        for name in sorted(names):
            if not name.endswith(FILE_ENDINGS) or name[0] == ".":
                continue
            count += 1
            if count > MOST_FILES:
                raise Unusable(f"has more than {MOST_FILES} files; name some of them")
            inner = os.path.join(folder, name)
            # Nobody named it: a pipe that nobody writes to would never end, nor would a device.
            if os.path.exists(inner) and not os.path.isfile(inner):
                continue
            yield Source(inner, stem_of(os.path.relpath(inner, path)), found=True)


def stem_of(path: str) -> str:
    """The name of a file, without what it ends with."""
    return os.path.splitext(path)[0]


def content_of_source(path: str) -> bytes:
    """The bytes of a file; Unusable if it can't be read, is empty or too large."""
    try:
        # A pipe is read, too, and none of them for ever.
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except MemoryError:
        raise Unusable("there is not enough memory to read it") from None
    except FileNotFoundError:
        hint = ""
        if path.isdecimal():
            hint = "; a number behind --import is a file, too, and a port has no use beside it"
        raise Unusable(f"there is no such file{hint}") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"can't be read: {getattr(error, 'strerror', '') or error}") from None
    if len(data) > LARGEST_FILE:
        raise Unusable(f"has more than {LARGEST_FILE >> 20} MiB")
    data = as_utf8(data)
    if not data.strip():
        raise Unusable("is empty")
    return data


def document_of(data: bytes) -> Json:
    """What a file says as JSON; Unusable with what it may be instead."""
    try:
        return parse_json(data)
    except ValueError as error:
        for beginning, what in BEGINNINGS:
            if re.match(beginning, data[:8192], re.MULTILINE):
                raise Unusable(what) from None
        if data.lstrip()[:1] in (b"{", b"["):
            raise Unusable(f"is no JSON: {error}") from None
        raise Unusable("is nothing that can be imported") from None


# --- documents of others ---


def is_mock(value: Json) -> bool:
    """Whether a document is a mock, or some, as this server has them."""
    one = first_of(value)
    return isinstance(one, dict) and not one.keys().isdisjoint(("response", "responses"))


def is_configuration(value: Json) -> bool:
    """Whether a document is a configuration of aimock's."""
    services = ("llm", "mcp", "a2a", "agui", "vector")
    return isinstance(value, dict) and not value.keys().isdisjoint(services)


def has(*names: str) -> Callable[[Json], bool]:
    """Whether a document, or the first of several, has members of all these names."""

    def holds(value: Json) -> bool:
        one = first_of(value)
        return isinstance(one, dict) and one.keys() >= set(names)

    return holds


def first_of(value: Json) -> Json:
    """The first of an array; all else is itself."""
    return value[0] if isinstance(value, list) and value else value


# In this order; what a document is, and what would do.
DOCUMENTS: Mapping[str, Callable[[Json], bool]] = {
    "holds mappings of WireMock": has("mappings"),
    "is a mapping of WireMock": has("request", "response"),
    "is a configuration of aimock; import the fixtures that it names": is_configuration,
    "is a mock of this server already, and belongs into the mocks/ of a data directory": is_mock,
    "is a cassette of VCR": has("interactions"),
    "is a collection of Postman": has("info", "item"),
    "is a recording of nock": has("scope", "method", "path"),
    "holds expectations of MockServer": has("httpRequest"),
    "is a batch file of OpenAI, with requests or answers alone": has("custom_id"),
    "is an answer without its head, which curl -is prints before it": lambda value: (
        has("object", "id")(value) or has("candidates")(value) or has("type", "role")(value)
    ),
    "is a request without its answer": lambda value: (
        has("messages")(value) or has("contents")(value) or has("model", "input")(value)
    ),
    "has no entries; a HAR has log.entries": has("log"),
}


def what_it_is(value: Json) -> str:
    """What a document is that can't be imported, and what would do."""
    for what, holds in DOCUMENTS.items():
        if holds(value):
            return what
    if isinstance(within(value, "fixtures"), dict):
        return 'is no file of fixtures: its "fixtures" is no array'
    return "is nothing that can be imported"
