"""Mistral's speech and transcriptions, as its clients read them (typed).  Pure."""

from __future__ import annotations

import base64
import math
from typing import Dict, Iterator, List, Mapping, Tuple

from ..errors import BadField
from ..forms import listed
from ..limits import Json
from ..node import Field
from ..values import Call, Failure, Reply, Request, Text, Turn, Usage
from .captions import SENTENCES, WORDS_ALONE, second_of, timed
from .likely import text_pieces
from .mistral import Mistral
from .openai_audio import A_WORD, FIELD_BOUNDS, a_word_of
from .openai_forms import A_FILE, OpenAIForms
from .openai_speech import OpenAISpeech, bounded_text
from .openai_transcriptions import OpenAITranscriptions
from .places import TRANSCRIPTION_PLACES

SPOKEN_FORMATS = ("pcm", "wav", "mp3", "flac", "opus")
LISTS = ("context_bias", "timestamp_granularities")  # fields that stand several times
GRANULARITIES = ("segment", "word")


def spent(usage: Usage, **more: Json) -> Dict[str, Json]:
    """The token counts."""
    counts = {"prompt_tokens": usage.input, "total_tokens": usage.total}
    return {**more, **counts, "completion_tokens": usage.output}


class MistralAudio(Mistral):
    """What both share."""

    operation = "audio"
    speaks = frozenset((Text,))

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))

    def complaint(self, wrong: BadField) -> Failure:
        """Also of a word that is none of those, and of a text that is too long."""
        if wrong.expected == A_WORD:
            return Failure(422, wrong.sentence, "enum", param=wrong.path)
        if wrong.sentence in FIELD_BOUNDS:
            kind, _ = FIELD_BOUNDS[wrong.sentence]
            return Failure(422, wrong.sentence, kind, param=wrong.path)
        return super().complaint(wrong)


class MistralSpeech(MistralAudio, OpenAISpeech):
    """Speech: a file in base64, or in a stream pieces of it."""

    routes = OpenAISpeech.routes
    fields = {
        "model": "a string",
        "input": "a string!",
        "voice_id": "a string",
        "ref_audio": "a string",
        "response_format": "a string",
        "stream": "a boolean",
        "expressiveness": "a number",
        "metadata": "an object",
    }

    def turns(self, body: Field) -> List[Turn]:
        """What is to be said counts as the user's text."""
        a_word_of(body.get("response_format"), SPOKEN_FORMATS)
        return [Turn("user", bounded_text(body.get("input")))]

    def whole_type(self, call: Call) -> str:
        """JSON."""
        return self.json_type

    def whole(self, call: Call, reply: Reply) -> Json:
        """The file."""
        return {"audio_data": base64.b64encode(super().whole(call, reply)).decode()}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """OpenAI's pieces, each in an event with a name."""
        for _, event in super().events(call, reply):
            kind = event["type"]
            if "usage" in event:
                yield kind, {"type": kind, "usage": spent(reply.usage)}
            else:
                yield kind, {"type": kind, "audio_data": event["audio"]}


class MistralTranscriptions(MistralAudio, OpenAIForms):
    """Transcriptions, whose times and speakers are asked for."""

    api = "transcriptions"
    may_stream = True
    routes = OpenAITranscriptions.routes
    files = {"file": False}
    takes_plain_form = True  # so its client sends a file_url
    fields = {
        "model": "a string!",
        "file_url": "a string",
        "file_id": "a string",
        "language": "a string",
        "temperature": "a number",
        "stream": "a boolean",
        "diarize": "a boolean",
        "context_bias": "an array",
        "speaker_references": "a string",
        "timestamp_granularities": "an array",
    }
    places = TRANSCRIPTION_PLACES
    own = OpenAITranscriptions.own  # where the sound is it says, too, if none came along

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The call; a list is a field that stands several times, without brackets."""
        for name in LISTS:
            if name in body:
                body = {**body, name + "[]": listed(body[name])}
                del body[name]
        return super().read(request, params, body)

    def turns(self, body: Field) -> List[Turn]:
        """Where the sound is, or its id, counts as the user's text, unless it came along."""
        for item in body.get("timestamp_granularities").items():
            a_word_of(item, GRANULARITIES)
        file = body.get("file")
        if not file.is_absent:
            if isinstance(file.value, list):  # it came in a field `file[]`
                file.missing(A_FILE)
            return []
        places = [body.value.get(name) for name in ("file_url", "file_id")]
        if not any(places):
            file.missing(A_FILE)
        return [Turn("user", str(places[0] or places[1]))]

    def segments(self, call: Call, text: str) -> List[Dict[str, Json]]:
        """What is said when, and by whom, as far as it is asked for."""
        asked = self.asked(call)
        granularities = asked.get("timestamp_granularities") or []
        if not granularities and not asked.get("diarize"):
            return []
        pieces = WORDS_ALONE if "word" in granularities else SENTENCES
        speaker = {"speaker_id": "speaker_1"} if asked.get("diarize") else {}
        return [
            {"text": cue.text, "start": cue.start, "end": cue.end, **speaker}
            for cue in timed(text, pieces)
        ]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The text, with what it took."""
        text = reply.text(Text) or ""
        return {
            "model": reply.model,
            "text": text,
            "language": self.asked(call).get("language"),
            "segments": [
                {**segment, "type": "transcription_segment"}
                for segment in self.segments(call, text)
            ],
            "usage": spent(reply.usage, prompt_audio_seconds=math.ceil(second_of(len(text)))),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The language if it is known, the text in pieces, its times, then all of it."""
        done = self.whole(call, reply)
        if done["language"]:
            kind = "transcription.language"
            yield kind, {"type": kind, "audio_language": done["language"]}
        for piece in text_pieces(reply):
            yield "transcription.text.delta", {"type": "transcription.text.delta", "text": piece}
        for segment in self.segments(call, done["text"]):
            yield "transcription.segment", {"type": "transcription.segment", **segment}
        yield "transcription.done", {"type": "transcription.done", **done}
