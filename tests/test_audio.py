"""Audio: speech is real sound in all its formats, and sound becomes text in all of its own."""

from __future__ import annotations

import base64
import io
import json
import struct
import wave
from typing import Any, Dict, List, Mapping, Optional, Tuple

import pytest
from cases import cases
from mocked import mock_of
from readers import events_of
from samples import (
    MP3,
    SAMPLES,
    USAGE,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
    form_of,
    request_of,
    said,
    steps_of,
)

import mock_server as m

SPEECH, HEARD, TRANSLATED = m.OpenAISpeech, m.OpenAITranscriptions, m.OpenAITranslations
AUDIO = {"operation": "audio"}
TEXT = "Hello there. How are you?\nFine"

# --- speech ---


def sound(text: str, form: str) -> bytes:
    """The file that says a text."""
    return said(SPEECH, {"text": text}, more={"response_format": form})


def test_a_wav_is_one_and_as_long_as_its_text() -> None:
    lengths = []
    for text in ("", "Hi", TEXT, "x" * 400, "x" * 4000, "x" * 400_000):
        with wave.open(io.BytesIO(sound(text, "wav"))) as found:
            shape = found.getnchannels(), found.getsampwidth(), found.getframerate()
            assert shape == (1, 2, 24000)
            samples = found.readframes(found.getnframes())
        assert len(samples) == found.getnframes() * 2
        assert samples == sound(text, "pcm")
        lengths.append(found.getnframes() / 24000)
    assert lengths[0] > 0.1 and lengths == sorted(lengths) and len(set(lengths)) == 5
    assert lengths[-1] == 12
    values = struct.unpack("<1000h", samples[:2000])
    assert -3000 < min(values) < -1000 and 1000 < max(values) < 3000  # not all ASCII, not silence


def pages(data: bytes) -> List[Tuple[int, int, int, bytes]]:
    """The pages of an Ogg file, as RFC 3533 has them: kind, samples, number and packet."""
    found = []
    while data:
        mark, version, kind, samples, serial, number, check, segments, size = struct.unpack(
            "<4sBBQIIIBB", data[:28]
        )
        assert (mark, version, serial, segments) == (b"OggS", 0, 1, 1)
        page, data = data[: 28 + size], data[28 + size :]
        assert m.crc(page[:22] + bytes(4) + page[26:], 32, 0x04C11DB7) == check
        found.append((kind, samples, number, page[28:]))
    return found


def test_the_checksums_are_those_of_their_standards() -> None:
    # From the catalogue of parametrised CRC algorithms: SMBUS, UMTS, and what MPEG-2 is from 0.
    assert m.crc(b"123456789", 8, 0x07) == 0xF4
    assert m.crc(b"123456789", 16, 0x8005) == 0xFEE8
    assert m.crc(b"123456789", 32, 0x04C11DB7) == 0x89A1897F


def test_every_format_is_made_of_whole_frames() -> None:
    frames = m.frames_at(2)
    assert sound("Hi", "mp3") == (b"\xff\xf3\x14\xc4" + bytes(20)) * frames
    aac = sound("Hi", "aac")
    size = (aac[3] & 3) << 11 | aac[4] << 3 | aac[5] >> 5
    assert (aac[:2], size * frames) == (b"\xff\xf1", len(aac)) and aac == aac[:size] * frames
    flac = sound("Hi", "flac")
    told = int.from_bytes(flac[18:26], "big")
    assert (flac[:8], told >> 44) == (b"fLaC\x80\0\0\x22", 24000)
    assert told & (1 << 36) - 1 == frames * 576
    for number in range(frames):
        frame = flac[42 + number * 11 :][:11]
        assert frame[:5] == b"\xff\xf8\x27\x08" + bytes([number])
        assert m.crc(frame[:6], 8, 0x07) == m.crc(frame, 16, 0x8005) == 0
    first, tags, *others = pages(sound("Hi", "opus"))
    assert (first[0], first[3][:8], tags[3][:8]) == (2, b"OpusHead", b"OpusTags")
    expected = [(0, 960 * (number + 1), number + 2) for number in range(frames)]
    expected[-1] = (4, *expected[-1][1:])
    assert [page[:3] for page in others] == expected


def test_a_stream_of_speech_adds_up_to_the_file() -> None:
    for text in ("", "Hi", TEXT, "one two " * 100):
        for form, known in m.SOUNDS.items():
            call = call_of(SPEECH, more={"response_format": form})
            assert m.route(request_of(SPEECH))[0].whole_type(call) == known.content_type
            more = {"response_format": form}
            response = {"text": text, "usage": USAGE}
            *deltas, done = [
                value for _, value in events_of(SPEECH, said(SPEECH, response, True, more=more))
            ]
            assert b"".join(base64.b64decode(one["audio"]) for one in deltas) == sound(text, form)
            assert {one["type"] for one in deltas} == {"speech.audio.delta"}
            counts = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
            assert done == {"type": "speech.audio.done", "usage": counts}


def test_speech_is_matched_on_what_is_to_be_said_and_echoes_it() -> None:
    answers = answerer({"match": {**AUDIO, "user": "Hi"}, "response": {"text": "x" * 90}})
    assert bytes_of(ask(answers, SPEECH, more={"response_format": "wav"})) == sound("x" * 90, "wav")
    missed = ask(answers, SPEECH, more={"input": "Ho"})
    assert missed.status == 404 and 'user is "Ho"' in complaint_of(missed.body)
    echo = ask(answerer(fallback="echo"), SPEECH, more={"input": "Ho ho", "voice": {"id": "v"}})
    assert bytes_of(echo) == sound("Ho ho", "mp3")
    other = {"model": "orpheus", "voice": "tara", "instructions": "slowly"}
    for speed in (0.25, 4):
        more = {**other, "speed": speed}
        assert ask(answerer(fallback="echo"), SPEECH, more=more).status == 200


# --- how sound travels ---


def head_of(response: Any, accept: str = "gzip", **more: Any) -> str:
    """The head of an answer to a client that takes gzip."""
    found = ask(answerer({"match": AUDIO, "response": response}), SPEECH, **more)
    data = b"".join(step.data for step in steps_of(found, accept) if isinstance(step, m.Send))
    return data.partition(b"\r\n\r\n")[0].decode()


def test_sound_is_compressed_only_when_it_is_told() -> None:
    mp3 = {"headers": {"content-type": "audio/mpeg"}}
    raw = {"raw": "x" * 900}
    for response, is_packed in [
        ({"text": TEXT}, False),
        ({"text": TEXT, "gzip": "always"}, True),
        ({"text": TEXT, "wire": "gzip-members"}, True),
        ({**raw, **mp3}, False),
        (raw, True),
        ({"body": {"a": "x" * 900}}, True),
    ]:
        head = head_of(response, more={"response_format": "wav"})
        assert ("Content-Encoding: gzip" in head) == is_packed, response
        assert ("Vary" in head) == is_packed, response
    original = m.Original(200, (("Content-Type", "audio/mpeg"),), b"x" * 900)
    wire, call = m.route(request_of(SPEECH))[0], call_of(SPEECH)
    assert not m.written(wire, call, m.Recorded(whole=original), 200, m.Delivery()).may_gzip


def test_a_recorded_answer_of_bytes_is_sent_as_it_is() -> None:
    recorded = {"raw": {"base64": "//P0"}, "headers": {"Content-Type": "audio/mpeg"}}
    for stream in (False, True):
        found = ask(answerer({"match": AUDIO, "response": recorded}), SPEECH, stream)
        assert (found.body, found.headers) == (b"\xff\xf3\xf4", (("Content-Type", "audio/mpeg"),))
    found = ask(answerer({"match": AUDIO, "response": {"body": {"a": 1}}}), SPEECH)
    assert dict(found.headers)["Content-Type"] == "application/json"


def test_faults_and_plans_work_on_bytes() -> None:
    size = len(sound("Hi", "mp3"))
    for response, sent in [
        ({"fault": "malformed"}, size // 2),
        ({"fault": "truncate"}, size // 2),
        ({"wire": {"split": 100}}, size),
        ({"wire": "chunked"}, size + 12),  # of the chunks' lengths
        ({"fault": "close"}, None),
    ]:
        steps = steps_of(
            ask(answerer({"match": AUDIO, "response": {"text": "Hi", **response}}), SPEECH)
        )
        data = b"".join(step.data for step in steps if isinstance(step, m.Send))
        _, found, body = data.partition(b"\r\n\r\n")
        assert (len(body) if found else None) == sent, response
        assert isinstance(steps[-1], m.Cut) == (
            "fault" in response and response["fault"] != "malformed"
        )


# --- transcriptions and translations ---


def heard(more: Mapping[str, Any], kind: type = HEARD, text: str = TEXT) -> Any:
    """What is answered: the value of JSON, or a text."""
    body = said(kind, {"text": text, "usage": USAGE}, more=more)
    return json.loads(body) if body[:1] == b"{" else body.decode()


TOKENS = {
    "type": "tokens",
    "input_tokens": 9,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 9},
    "output_tokens": 2,
    "total_tokens": 11,
}
SECONDS = {"type": "duration", "seconds": 2}
SRT = """1
00:00:00,000 --> 00:00:00,800
Hello there.

2
00:00:00,870 --> 00:00:01,670
How are you?

3
00:00:01,730 --> 00:00:02,000
Fine

"""
WHISPER = {"model": "whisper-1"}


def test_a_transcription_comes_in_the_format_that_is_asked_for() -> None:
    vtt = "WEBVTT\n\n" + "".join(SRT.replace(",", ".").splitlines(True))
    vtt = vtt.replace("\n1\n", "\n").replace("\n2\n", "\n").replace("\n3\n", "\n")
    for kind in (HEARD, TRANSLATED):
        assert heard({"response_format": "text"}, kind) == TEXT + "\n"
        assert heard({"response_format": "srt"}, kind) == SRT
        assert heard({"response_format": "vtt"}, kind) == vtt
    assert heard({}, TRANSLATED) == {"text": TEXT}
    assert heard({}) == {"text": TEXT, "usage": TOKENS}
    assert heard(WHISPER) == {"text": TEXT, "usage": SECONDS}
    assert heard({"model": "any/Whisper-large-v3"}, text="x" * 60)["usage"]["seconds"] == 4


def test_a_verbose_transcription_has_segments_or_words() -> None:
    verbose = {"response_format": "verbose_json"}
    found = heard({**verbose, "language": "de"})
    assert (found["task"], found["language"], found["duration"]) == ("transcribe", "german", 2.0)
    assert [one["text"] for one in found["segments"]] == [" Hello there.", " How are you?", " Fine"]
    assert len(found["segments"][0]) == 10 and "words" not in found
    granular = "timestamp_granularities[]"
    words = heard({**verbose, granular: "word"})
    assert words["words"][1] == {"word": "there.", "start": 0.4, "end": 0.8}
    assert "segments" not in words and len(words["words"]) == 6
    translated = heard(verbose, TRANSLATED)
    assert (translated["task"], translated["language"]) == ("translate", "english")
    assert "usage" not in translated
    assert heard(verbose, text="")["segments"] == []
    late = heard(verbose, text="x" * 60_000 + "! y")["segments"][1]
    assert (late["seek"], late["start"]) == (399_000, 4000.13)
    assert late["tokens"][0] == 50364 + 506  # of the 10.13 s since the window began
    assert (m.clock(4000.13, ","), m.clock(7200.0, ".")) == ("01:06:40,130", "02:00:00.000")


def test_speakers_take_turns() -> None:
    more = {"response_format": "diarized_json"}
    found = heard(more)
    assert [one["speaker"] for one in found["segments"]] == ["A", "A", "A"]
    assert list(found) == ["task", "duration", "text", "segments", "usage"]
    names = heard({**more, "known_speaker_names[]": "Ann"})["segments"]
    assert {one["speaker"] for one in names} == {"Ann"}
    events = events_of(HEARD, said(HEARD, {"text": TEXT}, True, more=more))
    told = [value for _, value in events if value["type"] == "transcript.text.segment"]
    assert told == found["segments"]


def test_a_stream_of_text_adds_up_and_whisper_has_none() -> None:
    for response in ({"text": TEXT}, {"text": TEXT, "chunk_size": 4}, {"text": ""}):
        body = said(HEARD, response, True, more={"include[]": "logprobs"})
        *deltas, done = [value for _, value in events_of(HEARD, body)]
        whole = json.loads(said(HEARD, response, more={"include[]": "logprobs"}))
        assert {key: done[key] for key in whole} == whole
        assert "".join(one["delta"] for one in deltas) == whole["text"]
        assert [one for delta in deltas for one in delta["logprobs"]] == whole["logprobs"]
        assert b"[DONE]" not in body
    for kind in (HEARD, TRANSLATED):
        response = ask(answerer(fallback="echo"), kind, True, more={**WHISPER, "stream": True})
        assert response.status == 200 and response.frames is None


def test_a_recording_is_matched_on_its_prompt_and_on_what_the_form_says() -> None:
    answers = answerer(
        {"match": {"api": "transcriptions", "user": "Hi"}, "response": {"text": "by prompt"}},
        {
            "match": {"api": "transcriptions", "fields": {"file.filename": {"glob": "*.mp3"}}},
            "response": {"text": "{{body.file.filename}} in {{body.language}}"},
        },
    )
    bare = {"model": "m", "file": MP3, "language": "de"}
    for body, text in [({**bare, "prompt": "Hi"}, "by prompt"), (bare, "a.mp3 in de")]:
        assert json.loads(bytes_of(ask(answers, HEARD, body=body)))["text"] == text
    assert ask(answers, TRANSLATED).status == 404
    call = call_of(HEARD, body=bare)
    assert (call.user, m.said_or_none("user", call)) == ("", None)
    echo = answerer(fallback="echo")
    for body, text in [({**bare, "prompt": "Hi"}, "Hi"), (bare, "This is what was said in a.mp3.")]:
        assert json.loads(bytes_of(ask(echo, TRANSLATED, body=body))) == {"text": text}


# --- what is wrong ---

SUPPORTED = (
    "Unrecognized file format. Supported formats: ['flac', 'm4a', 'mp3', 'mp4', 'mpeg', 'mpga', "
    "'oga', 'ogg', 'wav', 'webm']"
)
NO_FILE = "[{'type': 'missing', 'loc': ('body', 'file'), 'msg': 'Field required', 'input': None}]"
WRONG: List[Tuple[type, Dict[str, Any], str]] = [
    (HEARD, {"file": None}, NO_FILE),
    (TRANSLATED, {"file": None}, NO_FILE),
    (m.AzureTranscriptions, {"file": None}, NO_FILE),
    (
        HEARD,
        {"file": "text"},
        "[{'type': 'value_error', 'loc': ('body', 'file'), 'msg': \"Value error, Expected "
        "UploadFile, received: <class 'str'>\", 'input': 'text', 'ctx': {'error': "
        "ValueError(\"Expected UploadFile, received: <class 'str'>\")}}]",
    ),
    (HEARD, {"file": {**MP3, "filename": "a.txt"}}, SUPPORTED),
    (HEARD, {"file": {**MP3, "filename": "a", "content_type": "text/plain"}}, SUPPORTED),
    (HEARD, {"model": None}, "you must provide a model parameter"),
    (
        HEARD,
        {"response_format": "xml"},
        "[{'type': 'enum', 'loc': ('body', 'response_format'), 'msg': \"Input should be 'json', "
        "'text', 'srt', 'verbose_json', 'vtt' or 'diarized_json'\", 'input': 'xml', 'ctx': "
        "{'expected': \"'json', 'text', 'srt', 'verbose_json', 'vtt' or 'diarized_json'\"}}]",
    ),
    (TRANSLATED, {"response_format": "diarized_json"}, "'verbose_json' or 'vtt'\", 'input'"),
    (HEARD, {"temperature": "hot"}, "'loc': ('body', 'temperature'), 'msg': 'Input should be a"),
    (HEARD, {"stream": "maybe"}, "'loc': ('body', 'stream'), 'msg': 'Input should be a valid bool"),
    (HEARD, {"include": "logprobs"}, "'loc': ('body', 'include'), 'msg': 'Input should be a"),
    (
        HEARD,
        {"include[]": MP3},
        "'loc': ('body', 'include', 0), 'msg': \"Input should be 'logprobs'",
    ),
    (HEARD, {"timestamp_granularities[]": "line"}, "Input should be 'word' or 'segment'"),
    (HEARD, {"known_speaker_names[]": MP3}, "'loc': ('body', 'known_speaker_names', 0)"),
    (HEARD, {"file": None, "file[]": MP3}, NO_FILE),
    (SPEECH, {"model": None}, "you must provide a model parameter"),
    (SPEECH, {"input": ""}, "'string_too_short', 'loc': ('body', 'input')"),
    (SPEECH, {"input": 3}, "'string_type', 'loc': ('body', 'input')"),
    (
        SPEECH,
        {"input": "x" * 4097},
        "[{'type': 'string_too_long', 'loc': ('body', 'input'), 'msg': 'String should have at "
        "most 4096 characters', 'input': 'xxx",
    ),
    (SPEECH, {"voice": "bob"}, "'enum', 'loc': ('body', 'voice')"),
    (SPEECH, {"voice": None}, "'loc': ('body', 'voice')"),
    (SPEECH, {"voice": {}}, "'missing', 'loc': ('body', 'voice', 'id')"),
    (SPEECH, {"response_format": "ogg"}, "should be 'mp3', 'opus', 'aac', 'flac', 'wav' or 'pcm'"),
    (SPEECH, {"stream_format": "ws"}, "should be 'sse' or 'audio'"),
    (
        SPEECH,
        {"speed": 0.2},
        "[{'type': 'greater_than_equal', 'loc': ('body', 'speed'), 'msg': 'Input should be greater "
        "than or equal to 0.25', 'input': 0.2, 'ctx': {'ge': 0.25}}]",
    ),
    (
        m.AzureSpeech,
        {"speed": 4.5},
        "[{'type': 'less_than_equal', 'loc': ('body', 'speed'), 'msg': 'Input should be less than "
        "or equal to 4', 'input': 4.5, 'ctx': {'le': 4.0}}]",
    ),
]


def test_a_file_without_a_byte_is_too_short() -> None:
    body = {**SAMPLES[HEARD][3], "file": {**MP3, "data": ""}}
    error = json.loads(ask(answerer(fallback="echo"), HEARD, body=body).body)["error"]
    assert (error["param"], error["code"]) == ("file", "audio_too_short")
    assert error["message"] == "Audio file is too short. Minimum audio length is 0.1 seconds."


@cases("kind, more, sentence", WRONG)
def test_what_is_wrong_is_said_in_openais_words(
    kind: type, more: Dict[str, Any], sentence: str
) -> None:
    body = {**SAMPLES[kind][3], **more}
    if issubclass(kind, m.OpenAIForms):
        body = {name: value for name, value in body.items() if value is not None}
    response = ask(answerer(fallback="echo"), kind, body=body)
    error = json.loads(response.body)["error"]
    assert (response.status, error["type"]) == (400, "invalid_request_error")
    assert sentence in error["message"] and len(error["message"]) < 700
    assert (error["param"], error["code"]) == (None, None)


def test_a_file_that_is_known_by_its_type_alone_is_taken() -> None:
    for name, kind, status in [
        ("blob", "audio/webm", 200),
        ("A.WAV", "", 200),
        ("a.opus", "audio/ogg", 400),
    ]:
        file = {**MP3, "filename": name, "content_type": kind}
        assert ask(answerer(fallback="echo"), HEARD, more={"file": file}).status == status


def test_a_file_that_is_too_large_is_openais_413() -> None:
    body = request_of(HEARD).body.replace(b"sound", bytes(27_000_000))
    request = m.replace(request_of(HEARD), body=body)
    response = answerer(fallback="echo").answer(request).response
    error = json.loads(response.body)["error"]
    message = f"Maximum content size limit (26214400) exceeded ({len(body)} bytes read)"
    assert response.status == 413
    assert error == {"message": message, "type": "server_error", "param": None, "code": None}


BROKEN_FORMS: List[Tuple[bytes, Optional[str], str]] = [
    (b"", None, "there is no part"),
    (b"--b\r\n\r\n", None, "it is cut off"),
    (b"{}", "application/json", "expected multipart/form-data, found application/json"),
    (b"--b\r\n\r\nx\r\n--b--", None, "a part has no name"),
]


@pytest.mark.parametrize("body, kind, problem", BROKEN_FORMS)
def test_a_form_that_is_none_is_refused(body: bytes, kind: Optional[str], problem: str) -> None:
    headers = {} if kind is None else {"content-type": kind}
    response = ask(answerer(fallback="echo"), HEARD, body=body, headers=headers)
    assert response.status == 400
    assert f"Could not parse multipart form: {problem}" in complaint_of(response.body)


def test_no_form_brings_the_server_down() -> None:
    answers = answerer(fallback="echo")
    names = [*HEARD.fields, *HEARD.files, "other"]
    for name in [*names, *(f"{name}[]" for name in names)]:
        for value in ("", "x", "1e99", "true", MP3, {**MP3, "filename": "", "data": ""}):
            one = form_of({name: value})[: -len("--b--\r\n")]
            for times in (1, 2):
                body = one * times + request_of(HEARD).body
                response = answers.answer(m.replace(request_of(HEARD), body=body)).response
                assert response.status in (200, 400) and bytes_of(response), (name, value)
    twice = m.replace(request_of(HEARD), body=form_of({"model": "m"})[:-7] + request_of(HEARD).body)
    refused = answers.answer(twice).response
    assert "Duplicate parameter: 'model'" in complaint_of(refused.body)


def test_what_has_no_place_in_an_answer_is_refused() -> None:
    plain = {"dialect": "openai"}  # Mistral's are JSON, which has places for more
    speech = {"api": "speech", **plain}
    for match, response, problem in [
        (AUDIO, {"text": "x", "extra": {"a": 1}}, ""),
        (speech, {"text": "x", "extra": {"a": 1}}, "expected nothing, in what is audio/mpeg"),
        (speech, {"text": "x", "gzip": "never"}, "not compressed without being told"),
        (speech, {"text": "x", "usage": {"input_tokens": 3}}, ""),
        ({**speech, "stream": False}, {"text": "x", "usage": {"input_tokens": 3}}, "no place"),
        ({"api": "translations", **plain}, {"text": "x", "usage": {"input_tokens": 3}}, "no place"),
        ({"api": "translations", "stream": True}, {"text": "x"}, "no request has true"),
        ({**AUDIO, **plain}, {"text": "x", "model": "y"}, "no place"),
        (AUDIO, {"text": "x", "finish_reason": "length"}, "no place"),
        ({**AUDIO, "system": "x"}, {"text": "x"}, 'no request has "x"'),
        ({**AUDIO, "stream": True}, {"text": "x", "extra": {"segments": [{}]}}, "no event says"),
    ]:
        found = ""
        try:
            mock_of({"match": match, "response": response})
        except m.BadMock as error:
            found = str(error)
        assert problem in found and bool(problem) == bool(found), (match, response, found)
    brought = {"x-mock-response": json.dumps({"text": "x", "extra": {"a": 1}})}
    for form, status in [("json", 200), ("srt", 400)]:
        more = {"response_format": form}
        assert ask(answerer(), HEARD, more=more, headers=brought).status == status
