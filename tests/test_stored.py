"""What follows a create of Responses: what was answered is there again, until it is forgotten."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, Dict, List, Mapping, Optional

import pytest
from clients import Raw, post
from mocked import loaded
from samples import answerer, bytes_of

import mock_server as m
from mock_server import MockServer

ASK = {"model": "gpt-5-mini", "input": "Hi"}
BEHIND = {**ASK, "background": True}
TEXT = {"text": "one two three"}


class Client:
    """Asks an answerer, in one session."""

    def __init__(self, *mocks: Any, **settings: Any) -> None:
        self.answers = answerer(*mocks, **settings)
        self.session = ""

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> m.Answered:
        data = b"" if body is None else json.dumps(body).encode()
        return self.answers.answer(
            m.Request(method, "/v1/responses" + path, body=data, session=self.session, **more)
        )

    def create(self, body: Any = ASK, headers: Optional[Mapping[str, str]] = None) -> Any:
        """The object of a create, or that of the last event of its stream that has one."""
        response = self.ask("POST", "", body, headers=headers or {}).response
        if response.frames is None:
            return json.loads(response.body)
        values = events_of(response)
        return [value["response"] for value in values if "response" in value][-1]

    def get(self, id: str, path: str = "", method: str = "GET", **query: str) -> Any:
        response = self.ask(method, f"/{id}{path}", query=query).response
        if response.frames is not None:
            return events_of(response)
        return json.loads(response.body) if response.status == 200 else response.status


def events_of(response: m.HttpResponse) -> List[Any]:
    frames = m.SSE.split(bytes_of(response))
    return [json.loads(m.SSE.data(frame)) for frame in frames if m.SSE.data(frame)]


def statuses(client: Client, id: str, times: int) -> List[str]:
    return [client.get(id)["status"] for _ in range(times)]


RECORDED: Dict[str, Any] = {"id": "resp_own", "object": "response", "status": "completed"}
LAST = {"type": "response.completed", "response": RECORDED, "sequence_number": 7}
SPOKEN = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
SAID = {**SPOKEN, "content": [{"type": "output_text", "text": "a b", "annotations": []}]}
KEPT: List[Any] = [  # what answers, and more of the request
    (TEXT, {}),
    (TEXT, {"stream": True}),
    ({**TEXT, "id": "mine", "status": 201}, {}),
    ({**TEXT, "extra": {"id": "mine", "usage": {"cost": 1}}}, {}),
    ({**TEXT, "extra": {"metadata": {"a": "b"}}}, {"stream": True}),
    ({"error": {"kind": "content_filter"}}, {}),
    ({**TEXT, "fault": "truncate"}, {}),
    ({**TEXT, "fault": "reset", "after_events": 2}, {"stream": True}),
    ({"body": {**RECORDED, "output": [SAID]}}, {}),
    ({"body": RECORDED, "events": [LAST]}, {"stream": True}),
    ({"events": [LAST]}, {"stream": True}),
    ({"events": f"event: a\ndata: {json.dumps(LAST)}\n\n"}, {"stream": True}),
]
NOT_KEPT: List[Any] = [
    (TEXT, {"store": False}),
    ({"error": {"kind": "overloaded"}}, {}),
    ({**TEXT, "error": "boom", "after_events": 1}, {}),
    ({"raw": json.dumps(RECORDED)}, {}),
    ({"body": {"output": []}}, {}),
    ({"body": {"id": "resp_own"}, "status": 500}, {}),
]


def test_what_a_create_answered_is_retrieved_however_it_was_answered() -> None:
    for response, more in KEPT:
        for by_header in (False, True):
            client = Client(*([] if by_header else [{"response": response}]))
            header = {"x-mock-response": json.dumps(response)} if by_header else {}
            if by_header and "fault" in response:
                continue  # what is torn can't be read here
            if "fault" in response:
                client.ask("POST", "", {**ASK, **more})
                client.answers.mocks.session("").add([{"response": TEXT}])
                stored = list(client.answers.mocks.session("").state.responses)
                assert client.create({**ASK, **more}) == client.get(stored[0])
                continue
            made = client.create({**ASK, **more}, header)
            assert client.get(made["id"]) == made, response
    echo = Client(fallback="echo")
    assert echo.get(echo.create()["id"])["output"][0]["content"][0]["text"] == "Hi"


def test_what_is_no_answer_or_not_to_be_stored_is_not_there() -> None:
    for response, more in NOT_KEPT:
        client = Client({"response": response})
        client.ask("POST", "", {**ASK, **more})
        assert not client.answers.mocks.session("").state.responses, response


def test_the_stream_is_there_again_from_any_event_on_also_of_what_was_created_whole() -> None:
    client = Client({"response": {"reasoning": "hm", **TEXT}})
    id = client.create()["id"]
    streamed = events_of(client.ask("POST", "", {**ASK, "stream": True}).response)
    assert client.get(id, stream="true") == streamed
    for seen in (0, 3, len(streamed) - 2):
        found = client.get(id, stream="true", starting_after=str(seen))
        assert found == streamed[seen + 1 :]
    bare = client.get(id, stream="true", include_obfuscation="false")
    assert not any("obfuscation" in event for event in bare)
    thought = client.get(id, **{"include[]": "reasoning.encrypted_content"})["output"][0]
    client.create({**ASK, "include": ["reasoning.encrypted_content"]})
    assert thought["encrypted_content"].startswith("gAAAAAB")
    recorded = Client({"response": {"body": {**RECORDED, "output": [SAID]}}})
    recorded.create()
    deltas = [event.get("delta") for event in recorded.get("resp_own", stream="true")]
    assert "".join(filter(None, deltas)) == "a b"


def test_a_recorded_body_of_any_kind_is_told_again() -> None:
    for output in (
        "none",
        [],
        [None, 1, {}, {"type": "of next year"}, {"type": "message"}],
        [SAID],
    ):
        for status in ("completed", "queued", 7, None):
            body = {"id": "resp_own", "status": status, "output": output}
            client = Client({"response": {"body": body}})
            client.create(BEHIND)
            assert client.get("resp_own") == body
            assert client.get("resp_own", stream="true")[-1]["response"]["id"] == "resp_own"
            include = {"include": "reasoning.encrypted_content"}
            assert client.get("resp_own", **include)["status"] == status
            client.create({**ASK, "previous_response_id": "resp_own", "store": False})
            header = {"x-mock-response": json.dumps({"text": "x", "id": "b"})}
            client.create({**ASK, "previous_response_id": "resp_own"}, header)
            items = client.get("b", "/input_items", order="asc")["data"]
            assert len(items) >= 2 and items[0]["content"][0]["text"] == "Hi"


def test_events_that_were_recorded_may_have_any_number_or_none() -> None:
    recorded: List[Any] = [{"sequence_number": found} for found in ("x", None, 7)]
    client = Client({"response": {"events": [{"response": RECORDED}, *recorded]}})
    client.create({**ASK, "stream": True})
    assert client.get("resp_own", stream="true", starting_after="1") == recorded[2:]
    assert client.get("resp_own", stream="true")[1:] == recorded


def test_a_transcript_is_found_under_the_id_that_it_holds(tmp_path: Any) -> None:
    (tmp_path / "mocks").mkdir()
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    text = head + f"event: {LAST['type']}\ndata: {json.dumps(LAST)}\n\n"
    (tmp_path / "a.http").write_bytes(text.encode())
    mock = {"match": {"stream": True}, "response": {"events": "@a.http"}}
    (tmp_path / "mocks" / "a.json").write_text(json.dumps(mock))
    client = Client()
    client.answers = m.Answerer(loaded(str(tmp_path)), m.Settings())
    client.ask("POST", "", {**ASK, "stream": True})
    assert client.get("resp_own") == RECORDED
    assert client.get("resp_own", stream="true") == [LAST]


def test_a_stream_that_breaks_off_leaves_a_response_that_has_failed() -> None:
    broken = {**TEXT, "error": {"message": "boom"}, "after_events": 7}
    for word in ("stop", "error", "failed"):
        client = Client({"response": {**broken, "finish_reason": word}})
        answered = client.ask("POST", "", {**ASK, "stream": True}).response
        id = events_of(answered)[0]["response"]["id"]
        found = client.get(id)
        assert (found["status"], found["error"]["message"]) == ("failed", "boom"), word
        assert found["id"] == id and client.get(id, stream="true") == events_of(answered)
    recorded = {"events": [{**LAST, "type": "response.created"}, LAST]}
    client = Client({"response": {**recorded, "error": "boom", "after_events": 1}})
    client.ask("POST", "", {**ASK, "stream": True})
    assert client.get("resp_own")["status"] == "failed"


def test_what_is_made_in_the_background_ends_by_the_number_of_polls() -> None:
    client = Client({"response": TEXT})
    for _ in range(3):  # each create begins anew, however often it came
        made = client.create(BEHIND)
        assert (made["status"], made["output"], made["usage"]) == ("queued", [], None)
        client.ask("HEAD", "/" + made["id"])
        assert statuses(client, made["id"], 3) == ["in_progress", "completed", "completed"]
    assert client.get(made["id"])["output"][0]["content"][0]["text"] == TEXT["text"]
    laid_over = {"usage": {"cost": 1}, "output": [{"new": 1}], "metadata": {"a": "b"}}
    client = Client({"response": {**TEXT, "extra": laid_over}})
    made = client.create(BEHIND)
    assert (made["metadata"], made["output"], made["usage"]) == ({"a": "b"}, [], None)
    client.get(made["id"])
    ended = client.get(made["id"])
    assert ended["usage"]["cost"] == ended["output"][0]["new"] == 1
    for word, seen in {
        "failed": ["in_progress", "failed"],
        "length": ["in_progress", "incomplete"],
        "queued": ["queued", "queued"],
        "in_progress": ["in_progress", "in_progress"],
    }.items():
        client = Client({"response": {**TEXT, "finish_reason": word}})
        made = client.create(BEHIND)
        assert made["status"] == "queued"
        assert statuses(client, made["id"], 2) == seen


def test_a_stream_in_the_background_is_queued_first_and_there_to_its_end() -> None:
    client = Client({"response": TEXT})
    streamed = events_of(client.ask("POST", "", {**BEHIND, "stream": True}).response)
    kinds = [event["type"] for event in streamed]
    assert kinds[:3] == [f"response.{name}" for name in ("created", "queued", "in_progress")]
    assert [event["response"]["status"] for event in streamed[:3]] == ["queued"] * 2 + [
        "in_progress"
    ]
    assert statuses(client, streamed[0]["response"]["id"], 1) == ["completed"]
    id = client.create(BEHIND)["id"]
    assert client.get(id, stream="true", starting_after="4") == streamed[5:]
    assert statuses(client, id, 1) == ["completed"]  # who has seen it end finds it so


def test_what_has_not_ended_can_be_cancelled() -> None:
    client = Client({"response": TEXT})
    id = client.create(BEHIND)["id"]
    cancelled = client.get(id, "/cancel", "POST")
    assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
    assert client.get(id) == client.get(id, "/cancel", "POST") == cancelled
    events = client.get(id, stream="true")
    assert [event["sequence_number"] for event in events] == [0, 1, 2, 3]
    assert events[-1] == {
        "type": "response.cancelled",
        "response": cancelled,
        "sequence_number": 3,
    }
    assert client.create(BEHIND)["status"] == "queued"
    assert statuses(client, id, 2)[-1] == client.get(id, "/cancel", "POST")["status"] == "completed"
    assert client.get(client.create()["id"], "/cancel", "POST") == 400
    assert client.get("resp_none", "/cancel", "POST") == 404
    asked = m.Request("GET", "/mistral/v1/responses/resp_none")  # which stores nothing
    assert client.answers.answer(asked).response.status == 404


def texts(client: Client, id: str, **query: str) -> List[str]:
    return [item["content"][0]["text"] for item in client.get(id, "/input_items", **query)["data"]]


def test_the_input_is_listed_behind_all_that_it_goes_on_from() -> None:
    client = Client(fallback="echo")
    first = client.create({**ASK, "input": "a"})["id"]
    second = client.create({**ASK, "input": "b", "previous_response_id": first})["id"]
    third = client.create({**ASK, "input": "c", "previous_response_id": second})["id"]
    assert texts(client, third, order="asc") == ["a", "a", "b", "b", "c"]
    assert texts(client, third) == ["c", "b", "b", "a", "a"]
    page = client.get(third, "/input_items", limit="2")
    assert page["has_more"] and page["last_id"] == page["data"][1]["id"]
    assert texts(client, third, after=page["last_id"], limit="2") == ["b", "a"]
    assert texts(client, third, before=page["last_id"]) == ["c"]
    client.get(first, method="DELETE")
    assert texts(client, third, order="asc") == ["b", "b", "c"]


def test_ids_of_a_mocks_own_lead_in_no_circle() -> None:
    client = Client({"response": {**TEXT, "id": "mine"}})
    client.create({**ASK, "previous_response_id": "mine"})
    assert texts(client, "mine") == ["Hi"]
    assert client.get("mine", "/input_items", order="asc", after="other") == 400


def test_what_was_deleted_is_stored_by_the_next_create_though_that_came_before() -> None:
    client = Client({"response": TEXT})
    for _ in range(4):
        id = client.create()["id"]
        assert client.get(id)["id"] == id
        assert client.get(id, method="DELETE") == {"id": id, "object": "response", "deleted": True}
        assert [client.get(id), client.get(id, method="DELETE")] == [404, 404]


def test_creates_that_differ_leave_what_is_remembered_alone() -> None:
    client = Client(fallback="echo")
    generation = client.answers.mocks.generation
    for number in range(20):
        client.create({**ASK, "input": str(number // 2)})
    assert client.answers.mocks.generation == generation
    assert len(client.answers.memory.answers) == 10
    id = client.create({**ASK, "input": "3"})["id"]
    assert [client.get(id)["id"] for _ in range(4)] == [id] * 4
    assert len(client.answers.memory.answers) == 10


def stored_bytes(client: Client) -> int:
    return client.answers.mocks.archive.used


def test_sessions_are_apart_and_a_reset_forgets() -> None:
    client = Client({"response": TEXT})
    client.session = "a"
    mocks = client.answers.mocks
    id = client.ask("POST", "", ASK, headers={"x-mock-response": json.dumps(TEXT)}).response
    id = json.loads(id.body)["id"]
    assert client.get(id)["id"] == id
    client.session = ""
    assert client.get(id) == 404
    client.create()
    mocks.session("a").reset()
    assert client.get(id)["id"] == id and stored_bytes(client) > 0
    client.session = "a"
    assert client.get(id) == 404
    mocks.session("").reset()
    assert stored_bytes(client) == 0 and not mocks.archive.kept


def test_a_session_that_is_forgotten_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[m.Session.__module__], "SESSIONS", 3)
    client = Client(fallback="echo")
    for number in range(9):
        client.session = f"s{number}"
        client.create()
    assert len(client.answers.mocks.archive.kept) == 2  # and the one without a name


def test_the_older_half_is_forgotten_at_once_when_the_room_is_full() -> None:
    client = Client(fallback="echo")
    archive = client.answers.mocks.archive
    generations = set()
    made = []
    archive.room = 100_000
    for number in range(60):
        made.append(client.create({**ASK, "input": f"{number} " + "x" * 500})["id"])
        generations.add(client.answers.mocks.generation)
        assert archive.used <= archive.room
        assert sum(archive.kept.values()) == archive.used
    there = [client.get(id) != 404 for id in made]
    assert there == sorted(there) and there[-1] and not there[0]
    assert 1 < len(generations) < 8
    huge = client.create({**ASK, "input": "x" * 100_000})["id"]
    assert client.get(huge) == 404 and client.get(made[-1]) != 404


def test_recordings_and_long_answers_count_with_all_that_they_keep() -> None:
    body = {**RECORDED, "output": [{**SAID, "content": "x" * 50_000}]}
    for response in ({"body": body}, {"text": "x" * 50_000}):
        client = Client({"response": response})
        client.create()
        assert stored_bytes(client) > 50_000


def test_creates_and_deletes_at_the_same_time_leave_nothing_half_done() -> None:
    client = Client(fallback="echo")
    archive = client.answers.mocks.archive
    archive.room = 60_000
    wrong: List[Any] = []

    def work(name: int) -> None:
        for number in range(40):
            text = f"{name if number % 2 else 'same'} {number} " + "x" * 200
            made = client.create({**ASK, "input": text})
            found = client.get(made["id"])
            if found not in (404, made) or client.get(made["id"], method="DELETE") == 500:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(archive.kept.values()) == archive.used <= archive.room
    assert len(archive.kept) == len(client.answers.mocks.session("").state.responses)


def test_a_mock_goes_first_and_sees_the_model_of_what_is_stored() -> None:
    asked = {"operation": "stored", "model": "gpt-5-mini"}
    client = Client(
        {"match": {**asked, "api": "delete"}, "response": {"status": 503}, "times": 1},
        {
            "match": {**asked, "api": "retrieve", "stream": True},
            "response": {"fault": "truncate", "after_events": 2},
        },
        {"match": {"operation": "generate"}, "response": TEXT},
    )
    id = client.create()["id"]
    assert client.get(id, method="DELETE") == 503
    answered = client.ask("GET", "/" + id, query={"stream": "true"})
    assert answered.call and answered.call.model == "gpt-5-mini" and not answered.is_repeatable
    assert answered.response.delivery.fault
    header = {"x-mock-response": '{"status": 429}'}
    assert client.ask("GET", "/" + id, headers=header).response.status == 429
    assert client.get(id, method="DELETE")["deleted"]


def test_what_may_be_done_with_a_stored_response_is_told() -> None:
    client = Client()
    allowed = {
        "/resp_1": "GET, HEAD, DELETE, OPTIONS",
        "/resp_1/cancel": "POST, OPTIONS",
        "/resp_1/input_items": "GET, HEAD, OPTIONS",
    }
    for base in ("/v1", "/any/prefix", "/openai", "/openai/v1"):
        for path, methods in allowed.items():
            request = m.Request("PUT", f"{base}/responses{path}")
            refused = client.answers.answer(request).response
            assert refused.status == 405 and dict(refused.headers)["Allow"] == methods
            options = client.answers.answer(m.replace(request, method="OPTIONS")).response
            assert dict(options.headers)["Allow"] == methods


def test_over_sockets_equal_creates_are_stored_as_often_as_they_are_deleted() -> None:
    with MockServer() as server:
        server.mock(response=TEXT)
        client = Raw(server)
        create = post(ASK, path="/v1/responses")

        def ask(method: bytes, path: str) -> int:
            head = b"%b /v1/responses/%b HTTP/1.1\r\nHost: x\r\n\r\n"
            return client.send(head % (method, path.encode())).response()[0]

        for _ in range(3):
            made = [json.loads(client.send(create).response()[2]) for _ in range(4)]
            id = made[0]["id"]
            assert made == made[:1] * 4
            assert [ask(b"GET", id) for _ in range(3)] == [200] * 3
            assert [ask(b"DELETE", id), ask(b"GET", id), ask(b"POST", id + "/cancel")] == [
                *(200, 404),
                404,
            ]
        polled = post(BEHIND, path="/v1/responses")
        for _ in range(3):
            id = json.loads(client.send(polled).response()[2])["id"]
            head = f"GET /v1/responses/{id} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            found = [json.loads(client.send(head).response()[2])["status"] for _ in range(2)]
            assert found == ["in_progress", "completed"]
        entry = server.requests[-1]
        assert (entry["operation"], entry["api"], entry["model"]) == (
            *("stored", "retrieve"),
            "gpt-5-mini",
        )
