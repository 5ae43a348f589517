"""openai: speech, transcriptions and translations, of OpenAI and at Azure, against the server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

TEXT = "Hello there. How are you?"
SPOKEN = "x" * 40  # characters, which are so many frames
MOCKS = [
    {"match": {"operation": "audio", "user": "slow"}, "response": {"status": 429, "error": "slow"}},
    {
        "match": {"api": "speech", "user": "file"},
        "response": {"raw": "bytes", "headers": {"content-type": "audio/mpeg"}},
    },
    {"match": {"api": "speech"}, "response": {"text": SPOKEN}},
    {
        "match": {"api": "transcriptions", "fields": {"file.filename": "other.wav"}},
        "response": {"text": "another file"},
    },
    {
        "match": {"operation": "audio"},
        "response": {"text": TEXT, "usage": {"input_tokens": 9, "output_tokens": 7}},
    },
]
WAYS: Dict[str, Callable[..., Any]] = {
    "openai": lambda url: OpenAI(
        base_url=url + "/v1", api_key="key", max_retries=0, _strict_response_validation=True
    ),
    "azure deployment": lambda url: AzureOpenAI(
        azure_endpoint=url, api_key="key", api_version="2025-04-01-preview", max_retries=0
    ),
    "azure v1": lambda url: OpenAI(base_url=url + "/openai/v1", api_key="key", max_retries=0),
}
every_way = pytest.mark.parametrize("client", WAYS, indirect=True)


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Any]:
    """A client that does not retry; OpenAI's, unless a test asks for others by name."""
    with WAYS[getattr(request, "param", "openai")](server) as found:
        yield found


def spoken(client: Any, text: str = "Hi", **options: Any) -> Any:
    """A file of speech."""
    return client.audio.speech.create(
        **{"model": "gpt-4o-mini-tts", "voice": "alloy", "input": text, **options}
    )


def heard(client: Any, name: str = "a.wav", **options: Any) -> Any:
    """A transcription."""
    file = (name, b"RIFF", "audio/wav")
    return client.audio.transcriptions.create(
        **{"model": "gpt-4o-transcribe", "file": file, **options}
    )


@every_way
def test_speech_comes_in_every_format(client: Any, tmp_path: Path) -> None:
    types = set()
    for form in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        answer = spoken(client, response_format=form)
        types.add(answer.response.headers["content-type"])
        assert len(answer.content) > 100
    assert types == {f"audio/{form}" for form in ("mpeg", "opus", "aac", "flac", "wav", "pcm")}
    spoken(client, response_format="wav", speed=1.5).write_to_file(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as found:
        assert found.getnframes() == 50 * 576 and found.getframerate() == 24000
    assert spoken(client, "file").content == b"bytes"


@every_way
def test_speech_is_read_as_it_comes(client: Any, tmp_path: Path) -> None:
    speech = client.audio.speech.with_streaming_response
    options = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hi"}
    with speech.create(**options, response_format="wav") as answer:
        answer.stream_to_file(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as found:
        assert found.getnframes() == 50 * 576
    with speech.create(**options, response_format="wav", stream_format="sse") as answer:
        lines = [line for line in answer.iter_lines() if line]
    values = [json.loads(line[len("data: ") :]) for line in lines]
    assert [one["type"] for one in values] == ["speech.audio.delta", "speech.audio.done"]
    with wave.open(io.BytesIO(base64.b64decode(values[0]["audio"]))) as found:
        assert found.getnframes() == 50 * 576
    assert values[1]["usage"]["total_tokens"] > 1


@every_way
def test_a_transcription_comes_in_every_format(client: Any) -> None:
    plain = heard(client, prompt="hm", language="en", temperature=0.2)
    assert plain.text == TEXT and plain.usage.total_tokens == 16
    assert heard(client, model="whisper-1").usage.seconds == 2
    assert heard(client, response_format="text") == TEXT + "\n"
    assert heard(client, response_format="srt").startswith("1\n00:00:00,000 --> 00:00:00,800\n")
    assert heard(client, response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 --> ")
    verbose = heard(
        client,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (verbose.text, verbose.language, verbose.duration) == (TEXT, "english", 1.67)
    assert [segment.text for segment in verbose.segments] == [" Hello there.", " How are you?"]
    assert [word.word for word in verbose.words] == TEXT.split()
    likely = heard(client, include=["logprobs"])
    assert "".join(one.token for one in likely.logprobs) == TEXT
    assert heard(client, "other.wav").text == "another file"


def test_speakers_are_told_apart(client: Any) -> None:
    pytest.importorskip("openai.types.audio.transcription_diarized")
    diarized = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
    names = {"known_speaker_names": ["Ann", "Bob"]}
    found = heard(client, **diarized, chunking_strategy="auto", extra_body=names)
    told = [("Ann", "Hello there."), ("Bob", "How are you?")]
    assert [(one.speaker, one.text) for one in found.segments] == told
    events = list(heard(client, **diarized, stream=True))
    assert [(one.speaker, one.text) for one in events[5:-1]] == [("A", text) for _, text in told]


@every_way
def test_a_transcription_streams(client: Any) -> None:
    events = list(heard(client, stream=True, include=["logprobs"]))
    assert [event.type for event in events] == ["transcript.text.delta"] * 5 + [
        "transcript.text.done"
    ]
    assert "".join(event.delta for event in events[:-1]) == TEXT == events[-1].text
    assert events[-1].usage.total_tokens == 16 and len(events[-1].logprobs) == 5


@every_way
def test_translations_come_in_every_format(client: Any) -> None:
    def translated(**options: Any) -> Any:
        file = ("a.mp3", b"ID3", "audio/mpeg")
        return client.audio.translations.create(model="whisper-1", file=file, **options)

    assert translated().text == TEXT
    assert translated(response_format="text") == TEXT + "\n"
    assert translated(response_format="srt").endswith("How are you?\n\n")
    verbose = translated(response_format="verbose_json")
    assert (verbose.language, len(verbose.segments)) == ("english", 2)


@every_way
def test_errors_are_the_sdks_own(client: Any) -> None:
    with pytest.raises(openai.RateLimitError):
        spoken(client, "slow")
    with pytest.raises(openai.RateLimitError):
        heard(client, prompt="slow")
    with pytest.raises(openai.BadRequestError, match="at most 4096 characters"):
        spoken(client, "x" * 4097)
    with pytest.raises(openai.BadRequestError, match="Unrecognized file format"):
        heard(client, "a.txt")
    with pytest.raises(openai.BadRequestError, match="response_format"):
        heard(client, response_format="xml")


def test_the_async_client_does_the_same(server: str) -> None:
    async def run() -> Any:
        async with AsyncOpenAI(base_url=server + "/v1", api_key="key") as client:
            file = ("a.wav", b"RIFF", "audio/wav")
            stream = await client.audio.transcriptions.create(
                model="gpt-4o-transcribe", file=file, stream=True
            )
            events = [event async for event in stream]
            answer = await client.audio.speech.create(
                model="tts-1", voice="alloy", input="Hi", response_format="pcm"
            )
            return events[-1], answer.content

    last, sound = asyncio.run(run())
    assert last.type == "transcript.text.done" and len(sound) == 50 * 1152
