"""OpenAI's speech: text becomes sound (wire formats 2, section 4).  Pure."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Iterator, List, Mapping, Tuple

from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Text, Turn, Usage
from .likely import text_pieces
from .openai_audio import OpenAIAudio, a_word_of
from .runs import ONCE
from .sounds import SOUNDS, Sound, frames_at

MOST_SPOKEN = 4096  # characters
# In the order of OpenAI's own list, with those that came later behind them.
VOICES = (
    *("nova", "shimmer", "echo", "onyx", "fable", "alloy", "ash", "sage", "coral"),
    *("ballad", "verse", "marin", "cedar"),
)
# Others have voices of their own: Groq, Kokoro and whoever else has this API.
KNOWN_SPEAKER = re.compile(r"(?:.*/)?(?:tts-1|gpt-)")


def bounded_text(field: Field) -> str:
    """The text that is to be said."""
    text: str = field.text()
    if not text:
        field.expected("a text", "String should have at least 1 character")
    if len(text) > MOST_SPOKEN:
        field.expected("a text", f"String should have at most {MOST_SPOKEN} characters")
    return text


def check_speed(field: Field) -> None:
    """Raise BadField for a speed that there is none of."""
    if field.is_absent:
        return
    if field.value < 0.25:
        field.expected("a speed", "Input should be greater than or equal to 0.25")
    if field.value > 4:
        field.expected("a speed", "Input should be less than or equal to 4")


def sound_asked_for(call: Call) -> Sound:
    """The format that a request asks for; mp3 unless it says so."""
    return SOUNDS[call.body.get("response_format") or "mp3"]


def spoken_usage(usage: Usage) -> Json:
    """The token counts of a stream."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
    }


class OpenAISpeech(OpenAIAudio):
    """Speech: the bytes of a file, or in a stream pieces of it in base64."""

    api = "speech"
    may_stream = True
    routes: Tuple[str, ...] = ("POST /v1/audio/speech", "POST {prefix*}/audio/speech")
    fields = {
        "model": "a string!",
        "input": "a string!",
        "voice": "a string or an object!",
        "instructions": "a string",
        "response_format": "a string",
        "speed": "a number",
        "stream_format": "a string",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream_format`; also of tts-1, which has no such streams: any model has everything."""
        return a_word_of(body.get("stream_format"), ("sse", "audio")) == "sse"

    def turns(self, body: Field) -> List[Turn]:
        """What is to be said counts as the user's text."""
        text, voice = bounded_text(body.get("input")), body.get("voice")
        model = body.value.get("model") or ""
        if isinstance(voice.value, dict):
            voice.get("id").text()
        elif KNOWN_SPEAKER.match(model):
            a_word_of(voice, VOICES)
        a_word_of(body.get("response_format"), SOUNDS)
        check_speed(body.get("speed"))
        return [Turn("user", text)]

    def whole_type(self, call: Call) -> str:
        """That of the format."""
        return sound_asked_for(call).content_type

    def whole(self, call: Call, reply: Reply) -> Json:
        """The file."""
        frames = frames_at(len(reply.text(Text) or ""))
        return sound_asked_for(call).piece(0, frames, frames)

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The same in pieces: how it begins, and what is added by each piece of the text."""
        sound, frames = sound_asked_for(call), frames_at(len(reply.text(Text) or ""))
        start, said = 0, 0
        # Nothing has no pieces, and is heard all the same.
        for piece in itertools.chain(text_pieces(reply), ONCE):
            said += len(piece)
            end = frames_at(said)
            if end > start:
                data = sound.piece(start, end, frames)
                audio = base64.b64encode(data).decode()
                yield "", {"type": "speech.audio.delta", "audio": audio}
            start = end
        yield "", {"type": "speech.audio.done", "usage": spoken_usage(reply.usage)}
