"""OpenAI's transcriptions and translations: sound becomes text (wire formats 2, 4).  Pure."""

from __future__ import annotations

import math
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import BadField, Refused
from ..ids import estimate
from ..jsons import compact, utf8
from ..limits import Json
from ..node import Field
from ..outcomes import Usually
from ..state import State
from ..values import Call, Failure, Reply, Request, Text, Turn, Usage
from .captions import SENTENCES, WORDS_ALONE, Caption, second_of, srt, timed, vtt
from .likely import bounded_pieces, likely_token, text_pieces
from .openai_audio import OpenAIAudio, a_word_of
from .openai_forms import A_FILE, OpenAIForms
from .places import TRANSCRIPTION_PLACES
from .shapes import texts_of

MOST_SOUND = 26_214_400  # bytes of a request
MOST_NAMED = 1_000_000  # characters of the speakers' names in one answer
SMALL_ENOUGH = f"at most {MOST_SOUND} bytes"
ENDINGS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
KNOWN_ENDING = "a known file format"
# Quoted: UpstreetAI/usdk, issue 637.  How long it is nobody looks, but nothing is too short.
LONG_ENOUGH = "a file with sound in it"
NO_SOUND = "Audio file is too short. Minimum audio length is 0.1 seconds."
INVALID = "invalid_request_error"
TEXT_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
LISTED_WORDS = {"include": ("logprobs",), "timestamp_granularities": ("word", "segment")}
# What verbose_json calls some languages (whisper's tokenizer.py); others are told as they came.
LANGUAGE_NAMES = {
    "": "english",
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "tr": "turkish",
    "uk": "ukrainian",
    "zh": "chinese",
}


def is_whisper(model: str) -> bool:
    """Whether a model is one of those that are paid by the second, and do not stream."""
    return "whisper" in model.lower()


def check_recording(file: Field) -> None:
    """Raise BadField for a file of which nothing says that it is sound."""
    name, kind = file.value["filename"], file.value["content_type"] or ""
    ending = name.rpartition(".")[2].lower()
    has_none = ending == name.lower()
    if ending in ENDINGS or (has_none and kind.startswith(("audio/", "video/"))):
        return
    file.expected(KNOWN_ENDING, f"Unrecognized file format. Supported formats: {list(ENDINGS)}")


def told_segments(cues: Iterable[Caption]) -> List[Json]:
    """The segments of a verbose answer, with all that whisper says of them."""
    return [
        {
            "id": number,
            # In windows of 30 seconds, of 3,000 frames each (whisper's audio.py).
            "seek": int(cue.start // 30) * 3000,
            "start": cue.start,
            "end": cue.end,
            "text": " " + cue.text,
            # Its tokens for the times, which are 20 ms apart; those of the text nobody knows.
            "tokens": [50364 + int(second % 30 * 50) for second in (cue.start, cue.end)],
            "temperature": 0.0,
            "avg_logprob": -0.2,
            "compression_ratio": 1.0,
            "no_speech_prob": 0.01,
        }
        for number, cue in enumerate(cues)
    ]


def spoken_segments(cues: Sequence[Caption], names: List[str]) -> List[Dict[str, Json]]:
    """The segments of a diarized answer, in which the speakers take turns; Refused if it would
    consist of long names."""
    if len(cues) * max(map(len, names)) > MOST_NAMED:
        message = f"the answer's speakers have at most {MOST_NAMED} characters; use shorter names"
        raise Refused(400, message, code="answer_too_large")
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number + 1}",
            "start": cue.start,
            "end": cue.end,
            "text": cue.text,
            "speaker": names[number % len(names)],
        }
        for number, cue in enumerate(cues)
    ]


class OpenAITranslations(OpenAIForms, OpenAIAudio):
    """Translations: English text, as JSON, as it is, or as captions."""

    api = "translations"
    routes: Tuple[str, ...] = ("POST /v1/audio/translations", "POST {prefix*}/audio/translations")
    files = {"file": True}
    fields: Mapping[str, str] = {
        "model": "a string!",
        "prompt": "a string",
        "response_format": "a string",
        "temperature": "a number",
    }
    formats: Tuple[str, ...] = TEXT_FORMATS
    task = "translate"
    layout = staticmethod(compact)
    ending = ""

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The call, whose file is one that can be sound, and not too large."""
        call = super().read(request, params, body)
        file = Field(body).get("file")
        if file.is_absent:  # there is one, in a field `file[]`
            file.missing(A_FILE)
        if len(request.body) > MOST_SOUND:
            size = f"({MOST_SOUND}) exceeded ({len(request.body)} bytes read)"
            file.expected(SMALL_ENOUGH, f"Maximum content size limit {size}")
        check_recording(file)
        if not file.value["size"]:
            file.expected(LONG_ENOUGH, NO_SOUND)
        return call

    def complaint(self, wrong: BadField) -> Failure:
        """Also of the file itself (buzz, issue 381; streamlit-mic-recorder, issue 10)."""
        if wrong.expected == SMALL_ENOUGH:
            return Failure(413, wrong.sentence, "server_error")
        if wrong.expected == LONG_ENOUGH:
            return Failure(400, wrong.sentence, INVALID, "audio_too_short", "file")
        if wrong.expected == KNOWN_ENDING:
            return Failure(400, wrong.sentence, INVALID)
        return super().complaint(wrong)

    def turns(self, body: Field) -> List[Turn]:
        """The prompt counts as the user's text."""
        a_word_of(body.get("response_format"), self.formats)
        prompt = body.get("prompt")
        if prompt.is_absent:
            return []
        return [Turn("user", prompt.text())]

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Without a mock it says what the file is called, unless it is told what to say."""
        if call.user:
            return None
        text = f"This is what was said in {call.body['file']['filename']}."
        return Reply((Text(text),), "stop", Usage(estimate(""), estimate(text)), call.model)

    def format_of(self, call: Call) -> str:
        """The format that is asked for."""
        return str(call.body.get("response_format") or "json")

    def whole_type(self, call: Call) -> str:
        """JSON, or text."""
        if self.format_of(call) in ("text", "srt", "vtt"):
            return "text/plain; charset=utf-8"
        return self.json_type

    def whole(self, call: Call, reply: Reply) -> Json:
        """The text in its format."""
        text, form = reply.text(Text) or "", self.format_of(call)
        if form == "text":
            return utf8(text + "\n")
        if form == "srt":
            return utf8(srt(timed(text, SENTENCES)))
        if form == "vtt":
            return utf8(vtt(timed(text, SENTENCES)))
        if form == "verbose_json":
            return self.verbose(call, text)
        return self.plain(call, reply, text)

    def plain(self, call: Call, reply: Reply, text: str) -> Json:
        """The text as JSON."""
        return {"text": text}

    def verbose(self, call: Call, text: str) -> Dict[str, Json]:
        """The text with its segments."""
        return {
            "task": self.task,
            "language": "english",
            "duration": second_of(len(text)),
            "text": text,
            "segments": told_segments(timed(text, SENTENCES)),
        }


class OpenAITranscriptions(OpenAITranslations):
    """Transcriptions: text in any language, with its words, speakers and usage, or streamed."""

    api = "transcriptions"
    may_stream = True
    routes: Tuple[str, ...] = (
        "POST /v1/audio/transcriptions",
        "POST {prefix*}/audio/transcriptions",
    )
    fields: Mapping[str, str] = {
        **OpenAITranslations.fields,
        "include": "an array",
        "known_speaker_names": "an array",
        "language": "a string",
        "stream": "a boolean",
        "timestamp_granularities": "an array",
    }
    formats = (*TEXT_FORMATS, "diarized_json")
    task = "transcribe"
    stream_type = "text/event-stream; charset=utf-8"
    places = TRANSCRIPTION_PLACES

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`, which whisper passes over (the SDK's words for it)."""
        return bool(body.value.get("stream")) and not is_whisper(self.model(params, body))

    def turns(self, body: Field) -> List[Turn]:
        """The prompt, if all lists are of what can be in them."""
        texts_of(body.get("known_speaker_names"))
        for name, words in LISTED_WORDS.items():
            for item in body.get(name).items():
                a_word_of(item, words)
        return super().turns(body)

    def usage(self, call: Call, reply: Reply, text: str) -> Json:
        """Tokens, or what whisper is paid for."""
        if is_whisper(call.model):
            return {"type": "duration", "seconds": max(1, math.ceil(second_of(len(text))))}
        usage = reply.usage
        return {
            "type": "tokens",
            "input_tokens": usage.input,
            "input_token_details": {"text_tokens": 0, "audio_tokens": usage.input},
            "output_tokens": usage.output,
            "total_tokens": usage.total,
        }

    def with_logprobs(self, call: Call, value: Dict[str, Json], pieces: Iterable[str]) -> Json:
        """An answer or an event with how likely its tokens are, if that is asked for."""
        if "logprobs" in self.asked(call).get("include", ()):
            value["logprobs"] = [likely_token(piece) for piece in bounded_pieces(pieces)]
        return value

    def plain(self, call: Call, reply: Reply, text: str) -> Json:
        """The text with its usage, its languages or its speakers."""
        value: Dict[str, Json] = {"text": text, "usage": self.usage(call, reply, text)}
        if self.format_of(call) == "diarized_json":
            task = {"task": self.task, "duration": second_of(len(text))}
            return {**task, "text": text, "segments": self.spoken(call, text), **value}
        return self.with_logprobs(call, value, text_pieces(reply))

    def spoken(self, call: Call, text: str) -> List[Dict[str, Json]]:
        """The segments of a diarized answer."""
        names = self.asked(call).get("known_speaker_names") or ["A"]
        return spoken_segments(timed(text, SENTENCES), names)

    def verbose(self, call: Call, text: str) -> Dict[str, Json]:
        """The text with its segments, or words, as they are asked for."""
        asked = self.asked(call)
        value = super().verbose(call, text)
        language = asked.get("language") or ""
        value["language"] = LANGUAGE_NAMES.get(language, language)
        granularities = asked.get("timestamp_granularities") or ["segment"]
        if "word" in granularities:
            words = timed(text, WORDS_ALONE)
            value["words"] = [{"word": w.text, "start": w.start, "end": w.end} for w in words]
        if "segment" not in granularities:
            del value["segments"]
        value["usage"] = {"type": "duration", "seconds": max(1, math.ceil(value["duration"]))}
        return value

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The text in pieces, its speakers if they are asked for, then all of it."""
        text = reply.text(Text) or ""
        # Before anything is sent: what is too much is refused as a whole answer is.
        segments: List[Dict[str, Json]] = []
        if self.format_of(call) == "diarized_json":
            segments = self.spoken(call, text)
        done: Dict[str, Json] = {"type": "transcript.text.done", "text": text}
        self.with_logprobs(call, done, text_pieces(reply))
        done["usage"] = self.usage(call, reply, text)
        for piece in text_pieces(reply):
            delta = {"type": "transcript.text.delta", "delta": piece}
            yield "", self.with_logprobs(call, delta, [piece])
        for segment in segments:
            yield "", segment
        yield "", done
