"""HAR files of browsers, proxies and test tools: what is made of them, and what is not, and why."""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, List, Optional

from importing import check_replays, told
from samples import SAMPLES, answerer, bytes_of, request_of

import mock_server as m

URL = "https://api.openai.com/v1/chat/completions"
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Grüße?"}]}
ANSWER = '{"id":"c1","object":"chat.completion","choices":[{"message":{"content":"Grüße…"}}]}'
STREAM = 'data: {"choices":[{"delta":{"content":"Grü"}}]}\n\ndata: {"a":"ße"}\n\ndata: [DONE]\n\n'
JSON_TYPE, STREAM_TYPE = "application/json", "text/event-stream"
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz"


def pairs(**headers: str) -> List[Dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]


def entry(
    url: str = URL,
    asked: Any = ASKED,
    answer: Optional[str] = ANSWER,
    kind: str = JSON_TYPE,
    status: int = 200,
    method: str = "POST",
    **more: Any,
) -> Dict[str, Any]:
    """An entry as Chrome has it; `more` are members of it or, by a prefix, of what is in it."""
    size = len((answer or "").encode())
    text = json.dumps(asked, ensure_ascii=False)
    made: Dict[str, Any] = {
        "_initiator": {"type": "script"},
        "_resourceType": "fetch",
        "startedDateTime": "2026-11-26T10:00:00.000Z",
        "time": 900,
        "request": {
            "method": method,
            "url": url,
            "httpVersion": "http/2.0",
            "headers": [
                *pairs(authorization=f"Bearer {KEY}", Content_Type=JSON_TYPE),
                {"name": ":authority", "value": (url + "//").split("/")[2]},
                {"name": ":path", "value": "/"},
            ],
            "queryString": [],
            "cookies": [],
            "bodySize": len(text.encode()),
            "postData": {"mimeType": JSON_TYPE, "text": text},
        },
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "http/2.0",
            "headers": pairs(content_type=kind, content_encoding="br", x_request_id="req_1"),
            "content": {"size": size, "mimeType": kind, "text": answer},
            "redirectURL": "",
            "_transferSize": 10,
        },
        "cache": {},
        "timings": {"blocked": 1, "dns": -1, "connect": -1, "send": 1, "wait": 500, "receive": 400},
    }
    if answer is None:
        del made["response"]["content"]["text"]
    if asked is None:
        del made["request"]["postData"]
        made["request"]["bodySize"] = 0
    for name, value in more.items():
        place, _, inner = name.partition("__")
        target = {"request": made["request"], "response": made["response"]}.get(place, made)
        if place == "content":
            target = made["response"]["content"]
        if place == "post":
            target = made["request"]["postData"]
        target[inner or name] = value
    return made


def har(*entries: Any, tool: str = "WebInspector") -> bytes:
    log = {"version": "1.2", "creator": {"name": tool, "version": "1"}, "pages": []}
    return json.dumps({"log": {**log, "entries": list(entries)}}).encode()


def finds(*entries: Any, tool: str = "WebInspector") -> List[m.Find]:
    return list(m.exchanges_in_har(har(*entries, tool=tool), "a.har"))


def latin(text: str) -> str:
    """A text as mitmproxy reads it where nothing says that it is UTF-8."""
    return text.encode().decode("latin-1")


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


STREAMED = {"asked": {**ASKED, "stream": True}, "answer": STREAM, "kind": STREAM_TYPE}
FORM_TYPE = "multipart/form-data; boundary=xx"
FORM = '--xx\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--xx--\r\n'


def test_entries_of_all_tools_are_answered_again_in_the_same_bytes() -> None:
    gzip = m.gzipped(ANSWER.encode())
    messages = [
        {"time": 10.0, "eventName": "message", "eventId": "", "data": text}
        for text in ('{"choices":[{"delta":{"content":"Grü"}}]}', '{"a":"ße"}', "[DONE]")
    ]
    cases = {
        "chrome, whole": ("", {}, ANSWER),
        "chrome, streamed": ("", STREAMED, STREAM),
        "chrome, base64": (
            "",
            {
                "answer": in_base64(ANSWER.encode()),
                "content__encoding": "base64",
                "content__size": len(ANSWER.encode()),
            },
            ANSWER,
        ),
        "chrome, events alone": (
            "",
            {**STREAMED, "answer": None, "_eventSourceMessages": messages},
            STREAM,
        ),
        "firefox": (
            "Firefox",
            {"content__size": len(ANSWER.encode()), "content__comment": ""},
            ANSWER,
        ),
        "mitmproxy, streamed": (
            "mitmproxy",
            {**STREAMED, "answer": latin(STREAM), "content__size": 9, "content__compression": 90},
            STREAM,
        ),
        "mitmproxy, still compressed": (
            "mitmproxy",
            {
                "answer": in_base64(gzip),
                "content__encoding": "base64",
                "content__size": len(gzip),
                "response__headers": pairs(content_type=JSON_TYPE, content_encoding="gzip"),
            },
            ANSWER,
        ),
        "playwright, minimal": (
            "Playwright",
            {"timings": {"send": -1, "wait": -1, "receive": -1}, "content__size": -1},
            ANSWER,
        ),
        "slack's headers": ("", {"request__headers": [["content-type", JSON_TYPE]]}, ANSWER),
        "without headers": ("", {"request__headers": [], "response__headers": []}, ANSWER),
        "an absolute path and a query beside it": (
            "",
            {"url": "http:///v1/chat/completions", "request__queryString": pairs(a="b c")},
            ANSWER,
        ),
    }
    for name, (tool, given, body) in cases.items():
        (find,) = finds(entry(**given), tool=tool)
        made = check_replays(find, body.encode())
        assert KEY.encode() not in b"".join(made.files.values()), name


def test_each_api_is_imported_whole_and_streamed() -> None:
    for kind, (method, _, stream_path, _) in SAMPLES.items():
        for stream in (False, True)[: 2 if stream_path else 1]:
            request = request_of(kind, stream)
            answered = answerer(fallback="echo").answer(request)
            if answered.response.status != 200 or answered.wire.operation in m.ISSUING:
                continue
            body = bytes_of(answered.response)
            if not body:
                continue
            query = "&".join(f"{name}={value}" for name, value in request.query.items())
            given = entry(
                f"http://127.0.0.1{request.path}?{query}",
                None,
                in_base64(body),
                m.content_type_in(answered.response.headers),
                method=method,
                content__encoding="base64",
                content__size=len(body),
                request__headers=pairs(
                    **{n.replace("-", "_"): v for n, v in request.headers.items()}
                ),
                request__postData={"text": in_base64(request.body), "encoding": "base64"},
                response__headers=[
                    {"name": name, "value": value} for name, value in answered.response.headers
                ],
            )
            (find,) = finds(given)
            if not find.is_other:
                check_replays(find, body)


def test_what_can_not_be_used_says_why() -> None:
    page = {"method": "GET", "asked": None, "kind": "text/html", "answer": "<html>"}
    cases = [
        (entry(**{**page, "url": "https://chat.example/"}), "nothing to do with a provider"),
        (entry(**{**page, "url": "https://chat.example/health"}), "nothing to do with a provider"),
        (entry("https://t.example/collect"), "nothing to do with a provider"),
        (
            entry("data:image/png;base64,AAAA", None, method="GET", request__headers=[]),
            "nothing to",
        ),
        (entry(method="OPTIONS", asked=None), "nothing to do with a provider"),
        (entry("https://oauth2.googleapis.com/token"), "gives out credentials"),
        (entry("wss://api.openai.com/v1/realtime", None, method="GET"), "is a WebSocket"),
        (entry(_webSocketMessages=[]), "is a WebSocket"),
        (entry(status=0, response___error="net::ERR_ABORTED"), "had no answer: net::ERR_ABORTED"),
        (entry(status=-1, answer=None), "had no answer"),
        (entry(response___error="net::ERR_HTTP2"), "was broken off: net::ERR_HTTP2"),
        (entry(response___failureText="aborted"), "was broken off: aborted"),
        (entry(_wasAborted=True), "was broken off"),
        (entry(status=101), "has the status 101"),
        (entry(status=302), "leads elsewhere (status 302)"),
        (entry(status=304), "leads elsewhere (status 304)"),
        (entry(status=500), "is an error of the provider's server (500)"),
        (entry(status=429), "is an error (429); with --record-errors"),
        (entry(answer=None), "has no body of the answer in it; browsers drop"),
        (entry(answer="", content__comment="not included"), "in it (not included)"),
        (entry(answer=None, content___file="a1.json"), "has its answer in another file"),
        (entry(answer=ANSWER[:20], content__size=80), "is cut off: the file has 20 of 80 bytes"),
        (entry(answer=ANSWER[:20], content__size=-1), "is not the JSON that it says it is"),
        (entry(answer="%%", content__encoding="base64"), "says that a body is base64"),
        (
            entry(answer=in_base64(b"\x8b\x03\x80{}\x03"), content__encoding="base64"),
            'can\'t be decoded: Content-Encoding "br" is not known',
        ),
        (entry(asked=None, request__bodySize=77), "has no body of its request"),
        (entry(asked=None), "is no request to openai"),
        (entry(asked={"messages": "Hi"}), "is no request to openai: model"),
        (entry("https://a.example/api/chat", {"id": "1"}), "is no request to ollama"),
        (
            entry(post__text="", post__params=[{"name": "file", "fileName": "a.wav"}]),
            "is a form with a file, whose bytes are not",
        ),
        (entry(post___file="b.json", post__text=""), "the body of its request in another file"),
        ({"request": {"method": "GET"}}, "has no request"),
        (7, "has no request"),
    ]
    found = told(finds(*(given for given, _ in cases)))
    assert len(found) == len(cases)
    for (place, reason), (_, expected) in zip(found, cases):
        assert expected in reason, (place, expected, reason)
        assert KEY not in place
    # Browsers count a byte order mark that is not in the text.
    (marked,) = told(finds(entry(content__size=len(ANSWER.encode()) + 3)))
    assert marked[1] == ""
    # mitmproxy's size is of the coded body, which may be the longer one.
    (coded,) = told(finds(entry(content__size=200, content__compression=-200)))
    assert coded[1] == ""


def test_a_file_that_is_no_har_says_where_it_is_wrong() -> None:
    whole = har(entry())
    assert m.is_har(whole) and m.is_har(b"\xef\xbb\xbf \n" + whole) and m.is_har(whole[:200])
    assert m.is_har(whole.decode().encode("utf-16"))
    assert not m.is_har(b'{"log": []}') and not m.is_har(b"[]") and not m.is_har(b"HTTP/1.1 200 OK")
    cases = {
        b"": "is no HAR: Expecting value at line 1, column 1",
        whole[:-9]: "is no HAR: ",
        b'{"log": {"entries": {}}}': "is no HAR: it has no array log.entries",
        b'{"log": {"entries": []}}': "holds no entry",
        b"[" * 300: "is no HAR: ",
    }
    for data, reason in cases.items():
        ((place, found),) = told(m.exchanges_in_har(data, "a.har"))
        assert place == "a.har" and found.startswith(reason), found


def test_places_tell_the_entry_and_what_it_asked_without_keys() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent?key=AIzaSecret"
    google = {"contents": [{"parts": [{"text": "Hi"}]}]}
    found = finds(entry(), entry(url, google), entry(f"https://u:{KEY}@a.example/x"))
    assert [find.place for find in found] == [
        f"a.har: entry 1, POST {URL}",
        f"a.har: entry 2, POST {url.partition('?')[0]}",
        "a.har: entry 3, POST https://***@a.example/x",
    ]


def test_what_a_host_says_counts_without_the_host() -> None:
    paths = {
        "https://api.mistral.ai/v1/chat/completions": ("mistral", "openai"),
        "https://openrouter.ai/api/v1/chat/completions": ("openrouter", "openai"),
        "https://api.groq.com/openai/v1/chat/completions": ("groq", ["azure", "openai"]),
        "https://a.openai.azure.com/openai/v1/chat/completions": (None, "azure"),
        URL: (None, "openai"),
    }
    for url, expected in paths.items():
        (find,) = finds(entry(url))
        assert find.capture and find.capture.request
        here = m.replace(find.capture.request, headers={"host": "127.0.0.1:5001"})
        made = check_replays(find, ANSWER.encode(), here)
        spec = json.loads(made.files[made.mock])
        assert (spec.get("dialect"), spec["match"]["provider"]) == expected, url


def test_all_paths_of_a_host_that_has_nothing_else_are_imported() -> None:
    (files,) = finds(entry("https://api.openai.com/v1/files", None, '{"data": []}', method="GET"))
    check_replays(files, b'{"data": []}')


def test_forms_are_put_together_again() -> None:
    url = "https://api.openai.com/v1/audio/transcriptions"
    fields = [{"name": "model", "value": "whisper-1"}]
    headers = pairs(content_type=FORM_TYPE)
    cases = [
        {"text": FORM},
        {"text": latin(FORM)},
        {"params": fields},
        {"text": in_base64(FORM.encode()), "encoding": "base64"},
    ]
    for posted in cases:
        given = entry(url, request__headers=headers, request__postData=posted)
        (find,) = finds(given)
        assert find.capture and find.capture.request, find.reason
        assert find.capture.request.body == FORM.encode()
    lost = entry(url, request__headers=headers, request__postData={"text": FORM + "\ufffd"})
    assert "has lost bytes" in finds(lost)[0].reason


def test_events_came_when_the_har_says_or_evenly_in_between() -> None:
    times = [
        {"time": 100.0, "data": "1"},
        {"time": 100.3, "data": "2"},
        {"time": 100.35, "data": "3"},
    ]
    cases = [
        (entry(**STREAMED), [0.5, 0.7, 0.9]),
        (entry(**STREAMED, _eventSourceMessages=times), [0.5, 0.8, 0.85]),
        (entry(**STREAMED, _eventSourceMessages=times[:1]), [0.5, 0.7, 0.9]),
        (entry(**STREAMED, _eventSourceMessages=[*times[1:], times[0]]), [0.5, 0.7, 0.9]),
        (entry(), [0.9]),
        (entry(timings={}), []),
    ]
    for given, expected in cases:
        (find,) = finds(given)
        assert find.capture
        arrivals = find.capture.arrivals
        assert [round(one.seconds, 3) for one in arrivals] == expected
        assert not arrivals or arrivals[-1].size == len(find.capture.body)


def test_no_har_raises() -> None:
    whole = entry(**STREAMED)
    odd: List[Any] = [None, True, -1, 1e300, "", "\ud800", "x" * 10, [], [[]], {}, {"name": 1}]

    def changed(value: Any, path: List[str]) -> List[Any]:
        """The same value with something odd in each place below `path`."""
        found = []
        for name in list(value):
            for one in odd:
                found.append({**value, name: one})
            if isinstance(value[name], dict):
                found += [{**value, name: inner} for inner in changed(value[name], [*path, name])]
        return found

    for find in finds(*changed(whole, [])):
        m.made_of_find(find)
