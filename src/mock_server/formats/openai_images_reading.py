"""What requests for pictures ask OpenAI for (openai-py 3.57's types).  Pure."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Sequence, Tuple

from ..limits import Json
from ..node import Field
from ..records import replace
from ..values import Reply
from .pictures import PICTURES

# Models that answer in base64 with all that there is to tell; without a model it is one of them.
# The others, all of them gone at OpenAI, live on in its clones.
GPT_IMAGE = re.compile(r"(?:.*/)?(?:chat)?gpt-image|$")
DALL_E_QUALITIES = ("standard", "hd")
# The words that a field may hold (read in openai-py's types).
PICTURE_WORDS: Mapping[str, Tuple[str, ...]] = {
    "quality": ("low", "medium", "high", "xhigh", "max", "auto", *DALL_E_QUALITIES),
    "background": ("transparent", "opaque", "auto"),
    "output_format": tuple(PICTURES),
    "response_format": ("url", "b64_json"),
    "moderation": ("low", "auto"),
    "style": ("vivid", "natural"),
    "input_fidelity": ("high", "low"),
}
# Newer models take any size (openai-py's documentation of `size`), and so do many clones.
SIZES: Mapping[str, Tuple[str, ...]] = {
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
    "dall-e-3": ("1024x1024", "1792x1024", "1024x1792"),
    "gpt-image-1": ("1024x1024", "1024x1536", "1536x1024", "auto"),
}
ANY_SIZE = re.compile(r"auto|[1-9]\d{0,4}x[1-9]\d{0,4}")
USUAL_LOOKS = {"size": "1024x1024", "quality": "low", "background": "opaque"}
PATCHES = {"low": 16, "medium": 32}  # along the shorter edge; 64 at any other quality
# Quoted, of the sizes at openai-php/client, issue 641, and of numbers at many places.
NO_WORD = "Invalid value: {found}. Supported values are: {known}."
TOO_HIGH = (
    "Invalid '{path}': integer above maximum value. Expected a value <= {most}, but got {found} "
    "instead."
)
TOO_LOW = (
    "Invalid '{path}': integer below minimum value. Expected a value >= {least}, but got {found} "
    "instead."
)
# Quoted: anasfik/openai, issue 216, and ComfyUI, issue 9329.
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")
NO_PICTURE = (
    "Invalid file '{path}': unsupported mimetype ('{found}'). Supported file formats are {known}."
)
SENTENCE_CODES = {
    "unsupported mimetype": "unsupported_file_mimetype",
    "Invalid value": "invalid_value",
    "above maximum": "integer_above_max_value",
    "below minimum": "integer_below_min_value",
}

PICTURE_FIELDS = {
    "prompt": "a string!",
    "model": "a string",
    "n": "an integer",
    "size": "a string",
    **dict.fromkeys(PICTURE_WORDS, "a string"),
    "output_compression": "an integer",
    "partial_images": "an integer",
    "stream": "a boolean",
    "user": "a string",
}


def in_words(words: Sequence[str]) -> str:
    """Words as OpenAI lists them: `'a', 'b', and 'c'`."""
    *before, last = [f"'{word}'" for word in words]
    comma = "," * (len(before) > 1)
    return f"{', '.join(before)}{comma} and {last}"


def check_listed(field: Field, words: Sequence[str]) -> None:
    """BadField for a field that holds none of some words."""
    if not field.is_absent and field.value not in words:
        sentence = NO_WORD.format(found=f"'{field.value}'", known=in_words(words))
        field.one_from(words, sentence)


def check_size(field: Field, model: str) -> None:
    """BadField for a size that a model does not have."""
    known = [sizes for name, sizes in SIZES.items() if model.startswith(name)]
    if known:
        check_listed(field, known[0])
    elif not field.is_absent and not ANY_SIZE.fullmatch(field.value):
        sentence = NO_WORD.format(found=f"'{field.value}'", known="'auto' and WIDTHxHEIGHT")
        field.expected("one from auto, WIDTHxHEIGHT", sentence)


def number_between(field: Field, least: int, most: int, default: int) -> int:
    """A number from `least` to `most`, of which OpenAI says on which side it is wrong."""
    if field.is_absent:
        return default
    number = int(field.value)
    told = {"path": field.path, "least": least, "most": most, "found": number}
    what = f"an integer from {least} to {most}"
    if number > most:
        field.expected(what, TOO_HIGH.format(**told))
    if number < least:
        field.expected(what, TOO_LOW.format(**told))
    return number


def patches(quality: str, size: str) -> int:
    """The tokens of a picture: one a patch, and one more a row of them."""
    # This gives all nine numbers that OpenAI documents of gpt-image-1.
    width, height = map(int, size.split("x"))
    along = PATCHES.get(quality, 64)
    edge = min(width, height)
    rows, columns = height * along // edge, width * along // edge
    return rows * (columns + 1)


def check_wishes(body: Field) -> None:
    """BadField for what is wrong with the looks of a picture that a request asks for."""
    model = body.value.get("model") or ""
    for name, words in PICTURE_WORDS.items():
        if name == "quality" and model and GPT_IMAGE.match(model):
            words = tuple(word for word in words if word not in DALL_E_QUALITIES)
        check_listed(body.get(name), words)
    check_size(body.get("size"), model)
    number_between(body.get("partial_images"), 0, 3, 0)
    number_between(body.get("output_compression"), 0, 100, 100)


def code_of(sentence: str) -> str:
    """The code of what was said of a number or a word; empty of anything else."""
    codes = [code for words, code in SENTENCE_CODES.items() if words in sentence]
    return next(iter(codes), "")


def check_picture(file: Field) -> None:
    """BadField for a file whose part of a form does not say that it is a picture."""
    said = file.value["content_type"] or "application/octet-stream"
    kind = said.partition(";")[0].strip().lower()
    if kind not in PICTURE_TYPES:
        known = in_words(PICTURE_TYPES)
        file.expected("a picture", NO_PICTURE.format(path=file.path, found=kind, known=known))


def settled_looks(asked: Mapping[str, Json]) -> Dict[str, str]:
    """What a picture is like, where the request leaves it open, too."""
    found = {name: str(asked.get(name) or "auto") for name in USUAL_LOOKS}
    settings = {name: value.replace("auto", USUAL_LOOKS[name]) for name, value in found.items()}
    return {**settings, "output_format": str(asked.get("output_format") or "png")}


def picture_usage(reply: Reply, settings: Mapping[str, str]) -> Dict[str, Json]:
    """Token counts: text came in, and a picture goes out."""
    usage = reply.usage
    if usage.is_guess:
        usage = replace(usage, output=patches(settings["quality"], settings["size"]))
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": usage.input},
        "output_tokens": usage.output,
        "output_tokens_details": {"image_tokens": usage.output, "text_tokens": 0},
        "total_tokens": usage.total,
    }
