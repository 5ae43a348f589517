"""What a model server has beside /v1: probes, tokens, metrics that a test sets, adapters."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, List, Tuple

import pytest
from samples import answerer, bytes_of, request_of

import mock_server as m
from mock_server import BadMock

RUNNING = "vllm:num_requests_running"
LORA = "vllm:lora_requests_info"


def got(
    answers: m.Answerer,
    path: str,
    body: Any = None,
    method: str = "",
    port: int = 5001,
    session: str = "",
    query: Any = None,
) -> Tuple[int, Any]:
    """Status and body of a request in memory; the body as JSON if it is that."""
    sent = b"" if body is None else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    request = m.Request(method, path, query or {}, {}, sent, port, session, "127.0.0.1")
    response = answers.answer(request).response
    body = bytes_of(response)
    if dict(response.headers).get("Content-Type") == "application/json":
        return response.status, json.loads(body)
    return response.status, body.decode()


def samples(answers: m.Answerer, name: str, **where: Any) -> List[str]:
    """The lines of the samples of one metric."""
    text = got(answers, "/metrics", **where)[1]
    return [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]


def test_a_probe_is_answered_with_nothing_and_no_type() -> None:
    answers = answerer(require_auth=True)
    probes = [("GET", path) for path in ("/health", "/health_generate", "/health/ready", "/ping")]
    for method, path in [*probes, ("POST", "/ping")]:
        for body in (b"", b"no JSON"):
            answered = answers.answer(m.Request(method, path, body=body))
            assert (answered.response.status, answered.response.body) == (200, b""), path
            assert "content-type" not in {name.lower() for name, _ in answered.response.headers}


def test_a_mock_that_asks_for_a_probe_goes_first() -> None:
    down = {"status": 503, "raw": ""}
    for match in ({"path": "/health"}, {"api": "health"}, {"operation": "server"}):
        answers = answerer({"match": match, "responses": [down, {"status": 503}, {"body": {}}]})
        found = [got(answers, "/health") for _ in range(3)]
        assert [status for status, _ in found] == [503, 503, 200], match
        assert found[0][1] == "" and found[1][1]["error"]["code"] == 503


def test_what_no_probe_is_asked_with_keeps_a_mock_out() -> None:
    for match in (
        {"api": "health", "user": "Hi"},
        {"api": "metrics", "turn": 1},
        {"api": "detokenize", "system": "x"},
        {"api": "version", "method": "POST"},
        {"operation": "server", "stream": True},
    ):
        with pytest.raises(BadMock, match="no request has"):
            answerer({"match": match, "response": {"body": {}}})
    with pytest.raises(BadMock, match="one with a form of its own"):
        answerer({"match": {"operation": "server"}, "response": {"text": "x"}})


TEXTS = (
    "",
    "a",
    "Hello world, how are you?",
    "Grüße aus 東京 🚀\n  mit  Leerraum \n",
    "\x00\x00",
    "\x7f\x80~",
    "\x7fH",
    "\udc00 alone",
)


def test_tokens_are_numbers_of_pieces_and_back() -> None:
    answers = answerer()
    for text in TEXTS:
        asked = {"model": "m", "prompt": text, "return_token_strs": True}
        status, found = got(answers, "/tokenize", asked)
        assert status == 200 and "".join(found["token_strs"]) == text
        assert found["count"] == len(found["tokens"]) == len(found["token_strs"])
        assert all(0 < number < 2**31 for number in found["tokens"])
        back = got(answers, "/v1/detokenize", {"tokens": found["tokens"]})
        assert back == (200, {"prompt": text})
    assert found["max_model_len"] == 131072


def test_as_many_tokens_are_counted_as_are_told_of_usage() -> None:
    answers = answerer({"response": {"text": "x"}})
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}]
    count = got(answers, "/tokenize", {"messages": messages})[1]["count"]
    chat = {"model": "m", "messages": messages}
    assert got(answers, "/v1/chat/completions", chat)[1]["usage"]["prompt_tokens"] == count


def test_what_is_no_token_is_a_replacement_character() -> None:
    tokens = [0, 1, 2, 127, 2**29, 2**29 + 65, 2**31, 2**63 - 1]
    found = got(answerer(), "/detokenize", {"tokens": tokens})
    assert found == (200, {"prompt": "\ufffd" * len(tokens)})


def test_messages_that_are_tokenized_can_be_matched() -> None:
    match = {"api": "tokenize", "user": "Hi", "turn": 1, "model": "m", "tools": ["f"]}
    answers = answerer({"match": match, "response": {"status": 404, "error": {}}})
    messages = [{"role": "assistant", "content": "Ho"}, {"role": "user", "content": "Hi"}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = {"model": "m", "messages": messages, "tools": tools}
    assert got(answers, "/tokenize", asked)[1]["error"] == {
        "message": "The model `m` does not exist.",
        "type": "NotFoundError",
        "param": None,
        "code": 404,
    }
    more = {"add_generation_prompt": False, "continue_final_message": True}
    assert got(answers, "/tokenize", {"messages": messages, **more})[0] == 200


# --- metrics ---


def test_metrics_are_all_there_and_nothing_was_counted() -> None:
    answers = answerer()
    text = got(answers, "/metrics")[1]
    for name, metric in m.SERVER_METRICS.items():
        shown = f"# TYPE {name} {metric.kind}\n" in text
        assert shown == (metric.value is not None), name
    values = {line.rpartition(" ")[2] for line in text.splitlines() if line[0] != "#"}
    assert values == {"0.0", "1.0"}
    assert text == got(answers, "/metrics")[1]


def put(answers: m.Answerer, name: str, body: Any, **where: Any) -> Tuple[int, Any]:
    """Set a metric over the control API."""
    return got(answers, f"/__mock__/metrics/{name}", body, "PUT", **where)


def test_a_metric_is_what_a_test_sets_it_to_until_it_is_forgotten() -> None:
    answers = answerer()
    idle = samples(answers, RUNNING)
    assert put(answers, RUNNING, {"value": 7}) == (200, {"name": RUNNING, "value": 7.0})
    assert samples(answers, RUNNING) == [idle[0].replace(" 0.0", " 7.0")]
    assert got(answers, "/load")[1] == {"server_load": 7}
    # Without a prefix it is vLLM's.
    assert put(answers, "num_requests_running", {"value": 0.5})[1]["value"] == 0.5
    assert samples(answers, RUNNING)[0].endswith(" 0.5")
    deleted = got(answers, f"/__mock__/metrics/{RUNNING}", method="DELETE")
    assert deleted == (200, {"deleted": 1}) and samples(answers, RUNNING) == idle
    put(answers, RUNNING, {"value": 9})
    put(answers, "vllm:prompt_tokens_total", {"value": 1e6})
    assert got(answers, "/__mock__/reset", {})[0] == 200
    assert samples(answers, RUNNING) == idle


def test_a_metric_is_set_for_a_session_and_a_port() -> None:
    answers = answerer()
    put(answers, RUNNING, {"value": 1})
    put(answers, RUNNING, {"value": 2, "port": 5002})
    put(answers, RUNNING, {"value": 3}, session="a")
    put(answers, RUNNING, {"value": 4}, query={"session": "b"})
    for port, session, value in ((1, "", 1), (5002, "", 2), (5002, "a", 3), (9, "b", 4)):
        (line,) = samples(answers, RUNNING, port=port, session=session)
        assert line.endswith(f" {value}.0"), line
    gone = got(answers, f"/__mock__/metrics/{RUNNING}", method="DELETE", query={"session": "*"})
    assert gone == (200, {"deleted": 4})


def test_labels_are_laid_over_the_usual_ones() -> None:
    answers = answerer()
    assert samples(answers, LORA) == []
    labels = {"running_lora_adapters": 'sql,"a\\b"\n', "max_lora": "4"}
    put(answers, LORA, {"value": 1787780112.5, "labels": labels})
    assert samples(answers, LORA) == [
        LORA + '{max_lora="4",running_lora_adapters="sql,\\"a\\\\b\\"\\n",'
        'waiting_lora_adapters=""} 1787780112.5'
    ]
    long = {"a" * 200: "b" * 1000, **{f"l{number}": "" for number in range(18)}}
    put(answers, "sglang:token_usage", {"value": 0.25, "labels": {"model_name": "m", **long}})
    assert 'model_name="m"' in samples(answers, "sglang:token_usage")[0]
    usual = {
        LORA: 'max_lora="1",running_lora_adapters="",waiting_lora_adapters=""',
        "sglang:num_queue_reqs": 'engine_type="unified",model_name="mock-model"',
        "sglang:cache_config_info": 'num_pages="1024",page_size="16"',
        "vllm:gpu_cache_usage_perc": 'engine="0",model_name="mock-model"',
    }
    for name, told in usual.items():
        put(answers, name, {"value": 1})
        assert samples(answers, name) == [f"{name}{{{told}}} 1.0"]


WRONG_METRICS = [
    ("vllm:num_request_waiting", {"value": 1}, 404, 'did you mean "vllm:num_requests_waiting"?'),
    ("kv_cache", {"value": 1}, 404, "kv_cache"),
    ("vllm:time_to_first_token_seconds", {"value": 1}, 409, "is a histogram"),
    (RUNNING, {}, 400, "value: expected a finite number, found absent"),
    (RUNNING, {"value": "7"}, 400, 'value: expected a finite number, found "7"'),
    (RUNNING, {"value": True}, 400, "value: expected a finite number"),
    (RUNNING, {"value": 1, "port": 0}, 400, "port: expected a port from 1 to 65535"),
    (RUNNING, {"value": 1, "labels": {"a-b": "c"}}, 400, "labels.a-b: is no name of a label"),
    (RUNNING, {"value": 1, "labels": {"a" * 201: "c"}}, 400, "up to 200 letters"),
    (RUNNING, {"value": 1, "labels": {"__name__": "c"}}, 400, "__name__: is no name of a label"),
    (RUNNING, {"value": 1, "labels": {"a": "b\rc"}}, 400, "labels.a: expected a text without line"),
    (RUNNING, {"value": 1, "labels": {"a": "b\ud800"}}, 400, "text without halves of characters"),
    (RUNNING, {"value": 1, "labels": {"a": 1}}, 400, "labels.a: expected a string"),
    (RUNNING, {"value": 1, "labels": {"a": "b" * 2000}}, 400, "at most 1000 characters"),
    (RUNNING, {"value": 1, "labels": {f"l{n}": "" for n in range(21)}}, 400, "at most 20 labels"),
    (RUNNING, {"value": 1, "label": {}}, 400, 'did you mean "labels"?'),
    (RUNNING, 3, 400, "expected an object"),
]


def test_a_metric_that_cannot_be_set_says_why() -> None:
    answers = answerer()
    for name, body, status, why in WRONG_METRICS:
        found = put(answers, name, body)
        assert found[0] == status and why in found[1]["error"]["message"], (name, body, found)
    everywhere = put(answers, RUNNING, {"value": 1}, query={"session": "*"})
    assert everywhere[0] == 400 and "one session, not to *" in everywhere[1]["error"]["message"]
    assert got(answers, f"/__mock__/metrics/{RUNNING}", method="POST")[0] == 405


def test_a_session_sets_so_many_metrics_and_is_then_full() -> None:
    answers = answerer()
    gauges = answers.mocks.session("").state.gauges
    gauges.update({("vllm:any", port): m.Gauge(1.0, {}) for port in range(m.MOST_GAUGES - 1)})
    assert put(answers, RUNNING, {"value": 1})[0] == 200
    assert put(answers, RUNNING, {"value": 2})[0] == 200
    assert put(answers, RUNNING, {"value": 3, "port": 1})[0] == 400


def test_a_session_with_a_metric_is_not_forgotten_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[m.Mocks.__module__], "SESSIONS", 3)
    answers = answerer()
    put(answers, RUNNING, {"value": 5}, session="kept")
    for number in range(5):
        got(answers, "/health", session=f"s{number}")
    assert samples(answers, RUNNING, session="kept")[0].endswith(" 5.0")


def test_what_clients_did_keeps_no_session_from_being_forgotten_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[m.Mocks.__module__], "SESSIONS", 3)
    answers = answerer()
    for number in range(5):
        request = m.Request("POST", "/sleep", session=f"s{number}")
        assert answers.answer(request).response.status == 200


def test_python_sets_metrics_and_forgets_them() -> None:
    mocks = m.Mocks()
    session = m.SessionMethods()
    session.operations = m.Operations(mocks, m.Journal(), "a")
    state = mocks.session("a").state
    session.set_metric("kv_cache_usage_perc", 0.9, labels={"engine": "1"}, port=5001)
    assert state.gauges == {("vllm:kv_cache_usage_perc", 5001): m.Gauge(0.9, {"engine": "1"})}
    session.set_metric("kv_cache_usage_perc", None)
    assert state.gauges == {}
    mocks.ports = {5001, 5002}
    labels = "set_metric: labels"
    wrong: Any = [
        (("vllm:none", 1), KeyError, 'no metric "vllm:none"; known: '),
        ((7, 1), KeyError, 'no metric "7"'),
        ((RUNNING, float("nan")), ValueError, "set_metric: value: expected a finite number"),
        ((RUNNING, 1, "a"), ValueError, f'{labels}: expected an object, found "a"'),
        ((RUNNING, 1, {1: "a"}), ValueError, f"{labels}.1: is no name of a label"),
        ((RUNNING, 1, {"a": 1}), ValueError, f"{labels}.a: expected a string, found 1"),
        ((RUNNING, 1, {}, 5003), ValueError, "port: expected one from 5001, 5002, found 5003"),
    ]
    for given, error, said_so in wrong:
        with pytest.raises(error, match=re.escape(said_so)):
            session.set_metric(*given)


def test_the_journal_leaves_scrapes_out_and_keeps_what_a_mock_answers() -> None:
    for path in ("/metrics", "/load", "/health/ready", "/health_generate"):
        for mocks in ([], [{"match": {"path": path}, "response": {"body": {}}}]):
            request = m.Request("GET", path)
            head = m.Head("GET", path, 1, {})
            answered = answerer(*mocks).answer(request)
            assert m.asked_of(request, head, answered).is_probe == (not mocks), path


# --- sleep and adapters ---


def test_a_server_sleeps_until_it_is_woken() -> None:
    answers, found = answerer(), []
    for path in ("/sleep", "/wake_up", "/sleep"):
        assert got(answers, path, method="POST", query={"level": "1"}) == (200, "")
        found += [got(answers, "/is_sleeping")[1]["is_sleeping"] for _ in range(2)]
    assert found == [True, True, False, False, True, True]
    got(answers, "/__mock__/reset", {})
    assert got(answers, "/is_sleeping")[1] == {"is_sleeping": False}


def test_an_adapter_is_loaded_once_and_unloaded_once() -> None:
    answers = answerer()
    loading = ("/v1/load_lora_adapter", {"lora_name": "sql", "lora_path": "/a"})
    unloading = ("/v1/unload_lora_adapter", {"lora_name": "sql"})
    assert got(answers, *loading) == (200, "Success: LoRA adapter 'sql' added successfully.")
    status, found = got(answers, *loading)
    assert (status, found["error"]["type"]) == (400, "InvalidUserInput")
    assert got(answers, loading[0], {**loading[1], "load_inplace": True})[0] == 200
    assert got(answers, loading[0], {**loading[1], "lora_name": "x" * 200})[0] == 200
    assert got(answers, *unloading)[0] == 200
    status, found = got(answers, *unloading)
    assert (status, found["error"]["type"]) == (404, "NotFoundError")
    answers.mocks.session("").state.adapters.update(map(str, range(m.MOST_ADAPTERS)))
    status, found = got(answers, *loading)
    assert status == 400 and "100 adapters are loaded" in found["error"]["message"]


def test_a_key_is_asked_for_where_vllm_does() -> None:
    answers = answerer(require_auth=True)
    for kind in (m.ServerMetrics, m.Tokenize, m.ServerInfo, m.ServerSleep):
        assert answers.answer(request_of(kind)).response.status == 200, kind
    refused = answers.answer(request_of(m.LoadAdapter)).response
    assert (refused.status, refused.body) == (401, b'{"error":"Unauthorized"}')
    with_key = request_of(m.LoadAdapter, headers={"authorization": "Bearer k"})
    assert answers.answer(with_key).response.status == 200


def test_faults_and_headers_reach_what_needs_no_mock() -> None:
    answers = answerer()
    for kind in (m.ServerHealth, m.ServerMetrics, m.Tokenize):
        brought = {"x-mock-response": '{"headers": {"X-Mine": "1"}, "delay": 2}'}
        response = answers.answer(request_of(kind, headers=brought)).response
        assert response.status == 200 and response.delivery.delay == 2.0
        assert ("X-Mine", "1") in response.headers
        brought = {"x-mock-response": '{"fault": "reset"}'}
        response = answers.answer(request_of(kind, headers=brought)).response
        assert response.delivery.fault.kind == "reset"


def test_a_wrong_method_says_what_would_do() -> None:
    for method, path, allowed in (
        ("GET", "/tokenize", "POST, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/ping", "GET, HEAD, POST, OPTIONS"),
    ):
        response = answerer().answer(m.Request(method, path)).response
        assert response.status == 405 and dict(response.headers)["Allow"] == allowed
        assert re.search('"type":"Method Not Allowed"', response.body.decode())
