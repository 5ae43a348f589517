"""Forms: the fields of multipart bodies, as far as they can be read."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any, Optional

import pytest

import mock_server as m

WAV = b"RIFF\x00\r\n--\xff"
TYPE = 'multipart/form-data; charset=utf-8; boundary="a b"'


def form(*parts: bytes, end: bytes = b"--a b--\r\n") -> bytes:
    """A body of these parts."""
    return b"".join(b"--a b\r\nContent-Disposition: form-data; " + part for part in parts) + end


def part(name: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A part; `more` is of its head."""
    return b'name="' + name + b'"' + more + b"\r\n\r\n" + body + b"\r\n"


def file_of(body: bytes, **told: Any) -> Any:
    """What is told of a file."""
    digest = hashlib.sha256(body).hexdigest()
    return {"filename": "a.wav", "content_type": None, "size": len(body), "sha256": digest, **told}


READ = [
    (form(part(b"model", b"whisper-1")), {"model": "whisper-1"}),
    (
        form(part(b"file", WAV, b'; filename="a.wav"\r\nContent-Type: audio/wav')),
        {"file": file_of(WAV, content_type="audio/wav")},
    ),
    (
        form(part(b"a[]", b"1"), part(b"b", b""), part(b"a[]", b"\xff")),
        {"a[]": ["1", "�"], "b": ""},
    ),
    (form(part(b'q\\"q', b"x\r\ny")), {'q"q': "x\r\ny"}),
    (
        form(part(b"f", b"", b"; filename*=UTF-8''%C3%A4.wav")),
        {"f": file_of(b"", filename="ä.wav")},
    ),
    (form(part(b"a", b"cut off"), end=b""), {"a": "cut off\r\n"}),
    (b"preamble\r\n" + form(part(b"a", b"1")) + b"epilogue", {"a": "1"}),
    (b"", None),
    (b"no boundary", None),
    (form(), None),
    (form(*[part(b"a", b"")] * (m.MOST_FORM_PARTS + 1)), None),
]


@pytest.mark.parametrize("data, fields", READ)
def test_a_form_is_read_by_name(data: bytes, fields: Optional[Any]) -> None:
    assert m.form_of(TYPE, data) == fields


def test_only_forms_are_forms() -> None:
    body = form(part(b"a", b"1"))
    for kind in ("", "application/json", "multipart/mixed; boundary=a b", "multipart/form-data"):
        assert m.form_of(kind, body) is None


def test_of_long_texts_the_beginning_is_kept() -> None:
    kept = m.bounded_form({"a": "x" * 9, "b": ["y" * 9, file_of(b"")], "c": "z"}, 10)
    assert kept == {"a": "x" * 9, "b": ["y", file_of(b"")], "c": ""}


HEAD_ALONE = b'--x\r\nContent-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    "content_type, body, problem",
    [
        ("application/json", b"{}", "expected multipart/form-data, found application/json"),
        ("", b"", "found no Content-Type"),
        ("multipart/form-data", b"--x--", "the Content-Type has no boundary"),
        (
            "multipart/form-data; boundary=x",
            b"--y\r\n\r\n\r\n--y--",
            "begins with the boundary --x",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhalf", "ends with the boundary --x--"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "expected from 1 to 1000 parts"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--", "a part has no name"),
        (
            "multipart/form-data; boundary=x",
            HEAD_ALONE + b"\r\n--x--",
            "no empty line behind its head",
        ),
        (
            "multipart/form-data; boundary=x",
            HEAD_ALONE.replace(b"\r", b"") + b"\n\nb\n--x--\n",
            "its lines end with LF alone",
        ),
    ],
)
def test_what_is_no_whole_form_says_why(content_type: str, body: bytes, problem: str) -> None:
    assert problem in m.form_problem(content_type, body, m.form_of(content_type, body))


def test_nothing_is_wrong_with_a_whole_form() -> None:
    kind = "multipart/form-data; boundary=x"
    for value in (b"\r\nb", b"\r\n", b""):
        body = HEAD_ALONE + b"\r\n" + value + b"\r\n--x--\r\n"
        assert m.form_problem(kind, body, m.form_of(kind, body)) == ""


def test_what_is_written_as_a_query_is_a_form_where_that_is_taken() -> None:
    kind = "Application/X-WWW-Form-Urlencoded; charset=utf-8"
    for body, fields in (
        (b"a=1&b=%C3%A4+x&b=&c", {"a": "1", "b": ["ä x", ""], "c": ""}),
        (b"", {}),
        (b"a=%FF", {"a": "\ufffd"}),
        (b"&".join([b"a=1"] * 1001), None),
    ):
        assert m.plain_form_of(kind, body) == fields
    assert m.plain_form_of("multipart/form-data", b"a=1") is None


def test_escapes_are_undone_wherever_a_block_ends() -> None:
    for before in range(4):
        body = b"x" * before + b"%25%41+" * 20_000
        assert m.plain_text(body) == "x" * before + "%A " * 20_000


def test_a_text_full_of_escapes_takes_no_more_memory_than_a_few_times_its_length() -> None:
    body = b"a%41" * 40_000
    tracemalloc.start()
    try:
        assert m.plain_text(body) == "aA" * 40_000
        assert tracemalloc.get_traced_memory()[1] < 40 * len(body)
    finally:
        tracemalloc.stop()
