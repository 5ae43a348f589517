"""Tokens of a model server: a text in numbers and back (vLLM's tokenize, detokenize).  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Dict, Iterable, Iterator, Mapping

from ..errors import Refused
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Turn
from .model_server import ModelServer
from .openai_chat_reading import ChatRequest
from .vllm_errors import MODEL_LENGTH

# About four characters are a token, as everywhere where tokens are only estimated; letters that
# are not in ASCII are one each.
TOKEN_PIECE = re.compile("[\x00-\x7f]{1,4}|[^\x00-\x7f]")
ASCII_BITS = 7
FOREIGN = 1 << 29  # tokens from here on are one character each; all are less than 2**31
UNKNOWN = "\ufffd"  # what a token that is none of these stands for
MOST_TOKEN = 2**63 - 1  # as vLLM bounds it
MOST_TOKENS = 250_000  # of one answer: twice what the model takes

CHAT_REQUEST = ChatRequest()


def piece_number(piece: str) -> int:
    """The number of a token: its letters behind a 1, or its character's number."""
    if not piece.isascii():
        return FOREIGN + ord(piece)
    number = 1
    for letter in piece:
        number = number << ASCII_BITS | ord(letter)
    return number


def piece_text(number: int) -> str:
    """The text of a token."""
    if number > FOREIGN:
        code = number - FOREIGN
        return chr(code) if 0x7F < code < 0x110000 else UNKNOWN
    letters = []
    while number > 1:
        letters.append(chr(number & 0x7F))
        number >>= ASCII_BITS
    if number != 1 or not letters:
        return UNKNOWN
    return "".join(reversed(letters))


class Tokenize(ModelServer):
    """tokenize: a prompt, or the texts of messages, which a line end parts."""

    api = "tokenize"
    routes = ("POST [/v1]/tokenize",)
    fields: Mapping[str, str] = {
        "model": "a string",
        "prompt": "a string",
        "messages": "an array",
        "add_special_tokens": "a boolean",
        "return_token_strs": "a boolean",
        "add_generation_prompt": "a boolean",
        "continue_final_message": "a boolean",
        "chat_template": "a string",
        "chat_template_kwargs": "an object",
        "tools": "an array",
    }
    tools = ChatRequest.tools

    def turns(self, body: Field) -> Iterable[Turn]:
        """The prompt, or the messages."""
        prompt, messages = body.get("prompt"), body.get("messages")
        if messages.is_absent:
            return [Turn("user", prompt.text())]
        if not prompt.is_absent:
            body.expected("an object", "Only one of `prompt` and `messages` may be given.")
        continued = body.get("continue_final_message").flag(False)
        if continued and body.get("add_generation_prompt").flag(True):
            both = "`continue_final_message` and `add_generation_prompt`"
            body.expected("an object", f"Cannot set both {both} to True.")
        return CHAT_REQUEST.turns(body)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The tokens, and their texts if they are asked for."""
        found = itertools.islice(TOKEN_PIECE.finditer(call.prompt), MOST_TOKENS + 1)
        pieces = [match.group() for match in found]
        if len(pieces) > MOST_TOKENS:
            message = f"the answer has at most {MOST_TOKENS} tokens; ask for less"
            raise Refused(400, message, code="answer_too_large")
        known: Dict[str, int] = {piece: piece_number(piece) for piece in set(pieces)}
        texts = None
        if call.body.get("return_token_strs"):
            texts = pieces
        return {
            "count": len(pieces),
            "max_model_len": MODEL_LENGTH,
            "tokens": [known[piece] for piece in pieces],
            "token_strs": texts,
        }


class Detokenize(ModelServer):
    """detokenize: the text that tokens stand for."""

    api = "detokenize"
    routes = ("POST [/v1]/detokenize",)
    fields = {"model": "a string", "tokens": "an array!"}

    def turns(self, body: Field) -> Iterator[Turn]:
        """None: numbers are no text to match on."""
        for number in body.get("tokens").items():
            number.integer("an integer from 0", 0, MOST_TOKEN)
        return iter(())

    def whole(self, call: Call, reply: Reply) -> Json:
        """The text."""
        return {"prompt": "".join(map(piece_text, call.body["tokens"]))}
