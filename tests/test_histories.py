"""Histories: the hash of what was said before the last user message."""

from __future__ import annotations

import json
from typing import Any, List, Optional

from cases import cases
from samples import call_of

import mock_server as m


def history(*messages: Any, at: str = "messages") -> Optional[str]:
    """The history of a body with these messages."""
    return m.history_of({at: list(messages)})


def user(content: Any, **more: Any) -> Any:
    return {"role": "user", "content": content, **more}


def called(arguments: Any, id: str = "call_1", name: str = "f", **more: Any) -> Any:
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def result(content: Any, id: str = "call_1", **more: Any) -> Any:
    return {"role": "tool", "tool_call_id": id, "content": content, **more}


def image(data: str) -> Any:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def use(input: Any, id: str = "toolu_1") -> Any:
    block = {"type": "tool_use", "id": id, "name": "f", "input": input}
    return {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, block]}


def used(content: Any, id: str = "toolu_1") -> Any:
    return user([{"type": "tool_result", "tool_use_id": id, "content": content}])


def text(said: str, **more: Any) -> List[Any]:
    return [{"type": "text", "text": said, **more}]


SYSTEM = {"role": "system", "content": "Be brief."}
HI, HO, BYE = user("Hi"), {"role": "assistant", "content": "Ho"}, user("Bye")
GOOGLE_HI = {"role": "user", "parts": [{"text": "Hi"}]}
GOOGLE_BYE = {"role": "user", "parts": [{"text": "Bye"}]}
GOOGLE_CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}
SIGNED = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}


def google_result(value: Any) -> Any:
    return {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": value}}]}


def test_there_is_none_where_nothing_was_said_before_the_last_user_message() -> None:
    for messages in ([HI], [SYSTEM, HI], [HI, HO], [HI, called("{}"), result("x")], [], [HO]):
        assert history(*messages) is None, messages
    for body in (None, "Hi", {"input": "Hi"}, {"messages": "Hi"}, {"prompt": "Hi"}, []):
        assert m.history_of(body) is None, body
    assert history(HI, use({}), used("x")) is None  # only the results of tools
    assert history(GOOGLE_HI, GOOGLE_CALL, google_result({"a": 1}), at="contents") is None


def test_it_is_the_same_on_every_machine() -> None:
    assert history(SYSTEM, HI, HO, BYE) == "c084648c8d074a49"
    assert history(HI, called('{"city": "Osl\\u00f3"}'), result("22°"), BYE) == "485c3f4dc0f42d67"


SAME = {
    "a text or one part": [
        [HI, HO, BYE],
        [user(text("Hi")), {"role": "assistant", "content": text("Ho")}, BYE],
        [user([{"type": "input_text", "text": "Hi"}]), HO, user(text("Bye"))],
    ],
    "cache marks": [
        [HI, HO, BYE],
        [user(text("Hi", cache_control={"type": "ephemeral"})), HO, BYE],
        [user([{"text": "Hi"}, {"cachePoint": {"type": "default"}}]), HO, BYE],
    ],
    "ids, states, members without a value": [
        [HI, HO, BYE],
        [user("Hi", id="msg_1"), {**HO, "refusal": None, "annotations": [], "id": "m"}, BYE],
        [SYSTEM, {"type": "message", **HI}, {**HO, "status": "completed"}, BYE, HO],
    ],
    "ids of calls, and how arguments are written": [
        [HI, called('{"a":1,"b":[2]}'), result("22"), BYE],
        [HI, called('{"b": [2], "a": 1}', "call_2"), result("22", "call_2"), BYE],
        [HI, called({"a": 1, "b": [2]}, "x", content=""), result(text("22"), "x"), BYE],
    ],
    "thoughts": [
        [HI, use({"a": 1}), used("22"), BYE],
        [HI, {**use({"a": 1}, "x"), "content": use({"a": 1}, "x")["content"][1:]}]
        + [used(text("22"), "x"), BYE],
        [HI, {"role": "assistant", "content": "", "reasoning_content": "Hm."}]
        + [use({"a": 1}), used("22"), BYE],
    ],
    "an answer that was cut": [
        [HI, {"role": "assistant", "content": "one two"}, BYE],
        [
            HI,
            {"role": "assistant", "content": "one"},
            {"role": "assistant", "content": " two"},
            BYE,
        ],
        [HI, {"role": "assistant", "content": [*text("one "), *text("two")]}, BYE],
    ],
    "what looks like a key": [
        [user("sk-" + "a1" * 20), called('{"k":"sk-' + "b2" * 20 + '"}'), result("22"), BYE],
        [user("***"), called('{"k":"***"}'), result("22"), BYE],
    ],
}
OTHER = {
    "texts": [[HI, HO, BYE], [user("Hi!"), HO, BYE], [HI, {**HO, "content": "Hu"}, BYE], [HO, BYE]],
    "roles": [[HI, BYE], [{**HI, "role": "assistant"}, BYE], [{**HI, "role": "tool"}, BYE]],
    "calls": [
        [HI, called('{"a":1}'), result("22"), BYE],
        [HI, called('{"a":2}'), result("22"), BYE],
        [HI, called('{"a":1}', name="g"), result("22"), BYE],
        [HI, called('{"id":1}'), result("22"), BYE],
        [HI, called('{"id":2}'), result("22"), BYE],
        [HI, called('{"a":false}'), result("22"), BYE],
    ],
    "results": [
        [HI, called("{}"), result("22"), BYE],
        [HI, called("{}"), result("23"), BYE],
        [HI, use({}), used("22"), BYE],
        [HI, use({}), used("23"), BYE],
    ],
    "whose results they are": [
        [
            HI,
            {
                **HO,
                "tool_calls": [*called("1", "a")["tool_calls"], *called("2", "b")["tool_calls"]],
            },
        ]
        + [result("x", first), result("y", second), BYE]
        for first, second in (("a", "b"), ("b", "a"))
    ],
    "media": [
        [user([*text("Hi"), image(data)]), HO, BYE]
        for data in ("QUJD" * 100, "QUJE" * 100, "QUJD" * 101, "QUJD")
    ],
    "how often": [[HI, HO, BYE], [HI, HO, HI, HO, BYE], [HI, HO, HI, BYE]],
    "references": [[{"id": "msg_1"}, BYE], [{"id": "msg_2", "type": "item_reference"}, BYE]],
}


@cases("name", SAME)
def test_what_changes_without_meaning_is_left_out(name: str) -> None:
    found = {history(*messages) for messages in SAME[name]}
    assert len(found) == 1 and None not in found, found


@cases("name", OTHER)
def test_what_was_said_counts(name: str) -> None:
    found = {history(*messages) for messages in OTHER[name]}
    assert len(found) == len(OTHER[name]) and None not in found, found


def test_google_contents_count_in_their_way() -> None:
    plain = history(GOOGLE_HI, GOOGLE_CALL, google_result({"a": 1}), GOOGLE_BYE, at="contents")
    signed = {"role": "model", "parts": [SIGNED]}
    assert plain == history(
        {"parts": {"text": "Hi"}}, signed, google_result({"a": 1}), GOOGLE_BYE, at="contents"
    )
    assert plain != history(
        GOOGLE_HI, GOOGLE_CALL, google_result({"a": 2}), GOOGLE_BYE, at="contents"
    )
    inner = {"contents": [GOOGLE_HI, GOOGLE_CALL, google_result({"a": 1}), GOOGLE_BYE]}
    assert plain == m.history_of({"generateContentRequest": inner})


def test_only_calls_with_a_conversation_have_one() -> None:
    body = {"model": "m", "messages": [HI, HO, BYE]}
    whole, streamed = (call_of(m.OpenAIChat, stream, body=body) for stream in (False, True))
    assert whole.history == streamed.history == history(HI, HO, BYE)
    assert call_of(m.OpenAIEmbeddings, body={"model": "m", "input": ["a", "b"]}).history is None


def test_a_mock_asks_for_it() -> None:
    wanted = history(HI, HO, BYE)
    answers = m.Answerer(m.Mocks(), m.Settings())
    answers.mocks.session("").add([{"match": {"history": wanted}, "response": {"text": "x"}}])

    def told(*messages: Any) -> Any:
        body = json.dumps({"model": "m", "messages": messages}).encode()
        request = m.Request("POST", "/v1/chat/completions", body=body)
        return json.loads(answers.answer(request).response.body)

    other = f'history is "{history(user("Oh"), HO, BYE)}", expected "{wanted}", the hash'
    for _ in range(3):  # also from memory
        assert told(HI, HO, BYE)["choices"][0]["message"]["content"] == "x"
        assert other in told(user("Oh"), HO, BYE)["error"]["message"]


def test_it_is_worked_out_only_for_a_call_that_fits_in_all_else() -> None:
    session = m.Mocks().session("")
    for number in range(20):
        match = {"user": f"u{number}", "history": f"{number:016x}"}
        session.add([{"match": match, "response": {"text": "x"}}])
    for asked, is_known in (("u1", True), ("Bye", False)):
        call = call_of(m.OpenAIChat, body={"model": "m", "messages": [HI, HO, user(asked)]})
        assert session.find(call, m.DEFAULT_SHAPE)[0] is None
        assert ("history" in call.__dict__) == is_known


@cases(
    "match, problem",
    [
        ({"history": "abc"}, "expected 16 hex digits, as a recording writes them"),
        ({"history": {"regex": "a"}}, "expected 16 hex digits"),
        ({"operation": "embed", "history": "0" * 16}, "no request has"),
        ({"api": "completions", "history": "0" * 16}, "no request has"),
    ],
)
def test_one_that_can_never_hold_is_refused(match: Any, problem: str) -> None:
    response = {"embedding": [1]} if match.get("operation") else {"text": "x"}
    try:
        m.Mocks().session("").add([{"match": match, "response": response}])
    except m.BadMock as error:
        assert problem in str(error)
    else:
        raise AssertionError("it was taken")
