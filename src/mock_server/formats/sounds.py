"""Sound in the formats that speech comes in: a frame for each character, so that its length tells
that of the text.  Nothing is spoken.  Pure."""

from __future__ import annotations

import functools
import struct
from typing import Callable, Mapping, Tuple

from ..records import record

LEAD = 10  # frames before the first character: what guesses formats wants to see several
MOST_FRAMES = 500  # which are from 10 to 12 seconds
SAMPLES = 576  # of a frame, at RATE: 24 ms
RATE = 24_000  # samples a second, as OpenAI's speech has (its guide on text to speech)


def frames_at(characters: int) -> int:
    """How many frames there are when so many characters are said."""
    return min(LEAD + characters, MOST_FRAMES)


# --- checksums ---


@functools.lru_cache(maxsize=None)
def crc_table(width: int, polynomial: int) -> Tuple[int, ...]:
    """The remainders of all bytes."""
    found = []
    for byte in range(256):
        value = byte << (width - 8)
        for _ in range(8):
            value <<= 1
            if value >> width:
                value ^= 1 << width | polynomial
        found.append(value)
    return tuple(found)


def crc(data: bytes, width: int, polynomial: int) -> int:
    """The checksum of FLAC and Ogg: highest bits first, from 0, and sent as it is."""
    table, mask, value = crc_table(width, polynomial), (1 << width) - 1, 0
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> (width - 8) ^ byte]
    return value


# --- pcm and wav ---

# A quiet triangle of 500 Hz.  Silence would look intact to who passes sound on as text.
TONE = struct.pack("<48h", *[(abs(at - 24) - 12) * 200 for at in range(48)]) * (SAMPLES // 48)


def no_head(frames: int) -> bytes:
    """Of a format that begins with its first frame."""
    return b""


def tone(number: int, frames: int) -> bytes:
    """A frame of little-endian samples of 16 bits."""
    return TONE


def wav_head(frames: int) -> bytes:
    """RIFF with the format and the sizes of what follows."""
    size = frames * len(TONE)
    form = struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + form
        + b"data"
        + size.to_bytes(4, "little")
    )


# --- mp3 and aac ---

# ISO 13818-3: MPEG-2 layer III, 8 kbit/s, 24 kHz, mono.  Side information of nothing but zeros says
# that there is no main data, which is silence.
MP3_FRAME = bytes.fromhex("fff314c4") + bytes(20)
# ISO 14496-3: an ADTS header (LC, 48 kHz, mono, 11 bytes), then a channel without bands, and the
# end; 1,024 samples, 21 ms.
AAC_FRAME = bytes.fromhex("fff14c40017ffc00000007")


def mp3_frame(number: int, frames: int) -> bytes:
    """A silent frame."""
    return MP3_FRAME


def aac_frame(number: int, frames: int) -> bytes:
    """A silent frame."""
    return AAC_FRAME


# --- flac (RFC 9639) ---


def flac_head(frames: int) -> bytes:
    """The stream's information: blocks of one length, rate, mono, 16 bits, samples, no digest."""
    told = RATE << 44 | 15 << 36 | frames * SAMPLES
    return b"fLaC\x80\0\0\x22" + struct.pack(">HHIHQ", SAMPLES, SAMPLES, 0, 0, told) + bytes(16)


def flac_frame(number: int, frames: int) -> bytes:
    """A frame of one constant, 0, between its two checksums."""
    head = b"\xff\xf8\x27\x08" + chr(number).encode()
    frame = head + bytes([crc(head, 8, 0x07)]) + b"\0\0\0"
    return frame + crc(frame, 16, 0x8005).to_bytes(2, "big")


# --- opus (RFC 7845, in pages of RFC 3533) ---

OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, RATE, 0, 0)
OPUS_TAGS = b"OpusTags" + struct.pack("<I4sI", 4, b"mock", 0)
OPUS_SILENCE = b"\xf8\xff\xfe"  # 20 ms of mono, full band
OPUS_SAMPLES = 960  # which are counted at 48 kHz (RFC 7845, 4)


def ogg_page(number: int, packet: bytes, samples: int = 0, kind: int = 0) -> bytes:
    """A page of one packet; `kind` is 2 for the first, 4 for the last."""
    before = b"OggS\0" + struct.pack("<BQII", kind, samples, 1, number)
    after = bytes([1, len(packet)]) + packet
    return before + crc(before + bytes(4) + after, 32, 0x04C11DB7).to_bytes(4, "little") + after


def opus_head(frames: int) -> bytes:
    """What kind of sound it is, and its tags."""
    return ogg_page(0, OPUS_HEAD, kind=2) + ogg_page(1, OPUS_TAGS)


def opus_frame(number: int, frames: int) -> bytes:
    """A page of silence."""
    kind = 4 * (number == frames - 1)
    return ogg_page(number + 2, OPUS_SILENCE, (number + 1) * OPUS_SAMPLES, kind)


# --- all of them ---


@record
class Sound:
    """A format: its type, how a file of so many frames begins, and each of those by its number."""

    content_type: str
    head: Callable[[int], bytes]
    frame: Callable[[int, int], bytes]

    def piece(self, start: int, end: int, frames: int) -> bytes:
        """The frames from `start` to `end` of so many, behind the head if they are the first."""
        found = [self.frame(number, frames) for number in range(start, end)]
        if start == 0:
            found.insert(0, self.head(frames))
        return b"".join(found)


SOUNDS: Mapping[str, Sound] = {
    "mp3": Sound("audio/mpeg", no_head, mp3_frame),
    "opus": Sound("audio/opus", opus_head, opus_frame),
    "aac": Sound("audio/aac", no_head, aac_frame),
    "flac": Sound("audio/flac", flac_head, flac_frame),
    "wav": Sound("audio/wav", wav_head, tone),
    "pcm": Sound("audio/pcm", no_head, tone),
}
