"""Users' regular expressions that explode: they are given up, said so, and hold nothing up."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from clients import chat, control
from mocked import BASE, HEAD, requested
from program import PROGRAM
from samples import answerer, request_of, wire_of

import mock_server as m

EXPLODING = "^(a+)+$"
TEXT = "a" * 40 + "b"
WATCHED = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no such timer")


def expression(text: str) -> m.Expression:
    pattern = re.compile(text)
    return m.Expression(pattern, pattern.search, text)


@pytest.fixture
def said(monkeypatch: Any) -> Iterator[List[str]]:
    """What a watchdog that has little patience says; it is m.WATCHDOG meanwhile."""
    lines: List[str] = []
    usual, dog = m.WATCHDOG, m.Watchdog()
    monkeypatch.setitem(m.Watchdog.search_here.__globals__, "FIRST_TICKS", 2)
    for module in list(sys.modules.values()):  # in the one file it is one, in the package several
        if getattr(module, "WATCHDOG", None) is usual:
            monkeypatch.setitem(vars(module), "WATCHDOG", dog)
    dog.watch(None, lines.append)
    yield lines
    dog.unwatch()


def dog_of(said: List[str]) -> Any:
    return m.Condition.wanted.__globals__["WATCHDOG"]


@WATCHED
def test_a_search_that_takes_too_long_finds_nothing_and_is_named_once(said: List[str]) -> None:
    dog = dog_of(said)
    assert dog.search(expression(EXPLODING), TEXT) is None
    assert dog.search(expression(EXPLODING), TEXT + "c") is None
    assert len(said) == 1 and said[0].startswith(f'regex "{EXPLODING}" was given up after')
    assert dog.search(expression(EXPLODING), "a" * 40)
    assert dog.search(expression("a+b$"), TEXT * 100)
    dog.unwatch()
    dog.watch(None, said.append)
    assert dog.search(expression("^(aa?)+$"), TEXT) is None and len(said) == 2


@WATCHED
def test_a_text_on_which_it_was_given_up_is_not_searched_again(said: List[str]) -> None:
    dog, searched = dog_of(said), expression(EXPLODING)
    dog.search(searched, TEXT)
    for number in range(m.TRIES - 1):
        dog.note(searched, str(number))
    searched.find = lambda text: 1 / 0
    assert dog.search(searched, TEXT) is None
    assert dog.search(searched, TEXT + " after so many that none is tried any more") is None


@WATCHED
def test_a_signal_ends_a_search(said: List[str]) -> None:
    dog, searched = dog_of(said), expression(EXPLODING)
    searched.find = lambda text: dog.interrupt()
    assert dog.search(searched, TEXT) is None and said == []
    dog.interrupt()  # between searches it does nothing


@WATCHED
def test_another_thread_has_the_main_one_search(said: List[str]) -> None:
    dog, found, threads = dog_of(said), [], []
    jobs: "List[Any]" = []
    asked = threading.Event()
    dog.call = lambda job: (jobs.append(job), asked.set())
    searched = expression("(a+)+b")
    searched.find = lambda text: threads.append(threading.get_ident()) or "found"
    thread = threading.Thread(target=lambda: found.append(dog.search(searched, TEXT)))
    thread.start()
    assert asked.wait(10)
    jobs.pop()()
    thread.join(10)
    assert (found, threads) == (["found"], [threading.get_ident()])


@WATCHED
@pytest.mark.parametrize("key", ["regex", "glob"])
def test_a_miss_names_what_was_given_up(said: List[str], key: str) -> None:
    mocks = m.Mocks()
    mocks.session("").add([{"match": {"user": {key: EXPLODING}}, "response": {"text": "x"}}])
    (condition,) = [one for one in mocks.session("").mocks[0].conditions if one.key == "user"]
    dog_of(said).note(condition.expressions[0], TEXT)
    call = requested(session="")
    object.__setattr__(call, "user", TEXT)
    session = mocks.session("")
    why = session.explain(session.near(call, wire_of(m.OpenAIChat)))
    if key == "regex":
        assert f'{{"regex": "{EXPLODING}"}}; regex "{EXPLODING}" was given up after' in why


def test_before_anybody_watches_a_search_runs_where_it_is() -> None:
    assert m.Watchdog().search(expression("(a+)+b"), TEXT).group() == TEXT


SAFE = [("abc", 1_000_000), ("a+", 1000), ("a*b*", 100), ("(a+)+", 16), ("(?:a|aa){3}b", 16)]


@pytest.mark.parametrize("text, length", SAFE)
def test_short_texts_are_searched_unwatched(text: str, length: int) -> None:
    assert round(expression(text).safe_length / length, 1) == 1


# Different ones, so that each has all the time.
MORE = [EXPLODING, "^(a|a)+$", "^(a|aa)+$", "^(aa?)+$", "^(a+a*)+$", "^(a*)*$", "^(a*a)+$"]


@WATCHED
def test_a_server_goes_on_beside_such_a_regular_expression_and_ends_when_told(
    tmp_path: Path,
) -> None:
    mocks = [{"match": {"user": {"regex": one}}, "response": {"text": "x"}} for one in MORE]
    ordinary = {"match": {"user": "Hi"}, "response": {"text": "there"}}
    (tmp_path / "mocks").mkdir()
    (tmp_path / "mocks" / "a.json").write_text(json.dumps([ordinary, mocks[0]]), "utf-8")
    command = [*PROGRAM, "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    try:
        port = int(process.stdout.readline().decode().rpartition(":")[2])
        status, body = chat(port, user=TEXT)
        assert status == 404 and f'{EXPLODING}\\" was given up after 0.5 s'.encode() in body
        assert chat(port) == (200, "there")
        assert control(port, "POST", "mocks", mocks[1:])[0] == 201
        threading.Thread(target=abandoned, args=(port,)).start()
        named = 0
        while named < 2:  # the first of the others: the next is searched for now
            named += process.stderr.readline().startswith(b"regex")
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(10) == 0
        assert rest.count(b"\nregex") < len(MORE) - 3
    finally:
        process.kill()
        process.communicate()


def abandoned(port: int) -> None:
    """Ask what nobody answers any more."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        chat(port, user=TEXT)


@WATCHED
def test_who_is_in_a_hurry_is_told_at_once_and_another_thread_finds_out(said: List[str]) -> None:
    dog = dog_of(said)
    with dog.hurried():
        assert dog.search(expression("a+b$"), TEXT * 100)
        for exploding in (EXPLODING, "^(a|a)+$"):
            with pytest.raises(m.TooLong):
                dog.search(expression(exploding), TEXT)
        assert dog.number == 2  # after the first there is no time for another
    assert not said and dog.search(expression(EXPLODING), TEXT) is None and len(said) == 1


@WATCHED
def test_a_search_is_not_begun_once_the_program_is_to_end(said: List[str]) -> None:
    dog = dog_of(said)
    dog.interrupt()
    assert dog.search(expression("a+b$"), TEXT * 100) is None and dog.number == 0


@WATCHED
def test_a_request_leaves_what_takes_long_to_a_thread_that_has_the_time(said: List[str]) -> None:
    answers = answerer({"match": {"user": {"regex": EXPLODING}}, "response": {"text": "x"}})
    messages = [{"role": "user", "content": TEXT}]
    work = answers.answering(request_of(m.OpenAIChat, more={"messages": messages}))
    assert next(work) is m.ASIDE  # before the mocks are matched, or before a miss is explained
    assert m.done_here(work).response.status == 404 and len(said) == 1


def came(journal: m.Journal, user: str) -> None:
    """A request with a text has come."""
    call = m.replace(BASE, user=user)
    asked = m.Asked(m.Request("POST", "/"), HEAD, {}, "openai", call, 100)
    journal.add(m.Entry("1", 0.0, asked, m.Sent()))


@WATCHED
def test_who_waits_has_a_regular_expression_that_takes_long_tried_aside(said: List[str]) -> None:
    journal = m.Journal()
    matched = m.conditions(m.Node({"user": {"regex": EXPLODING}}, "match"), "")
    work = journal.waiting(m.Wanted("", matched), 1, 60)
    assert next(work).gate
    came(journal, TEXT)
    assert next(work) is m.ASIDE and not said
    assert next(work).gate and len(said) == 1
    came(journal, "a" * 40)
    assert m.done_here(work)[1]
