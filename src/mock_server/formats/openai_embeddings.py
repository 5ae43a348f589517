"""OpenAI's embeddings (wire formats, 5.6).  Pure."""

from __future__ import annotations

import base64
import struct
from typing import Any, Callable, List, Tuple

from ..jsons import parse_json
from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reply, Turn
from .openai import OpenAI, input_texts, is_tokens
from .shapes import packed_floats


def unpacked_floats(text: str) -> List[float]:
    """The vector in base64 of little-endian float32.  ValueError or struct.error: it is none."""
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


class OpenAIEmbeddings(OpenAI):
    """Embeddings: floats, or base64 of little-endian float32."""

    operation, api = "embed", "embeddings"
    routes: Tuple[str, ...] = ("POST /v1/embeddings", "POST {prefix*}/embeddings")
    fields = {
        "model": "a string!",
        "input": "a string or an array!",
        "encoding_format": "a string",
        "dimensions": "an integer",
        "user": "a string",
    }
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The texts to embed; token numbers have no text."""
        given = body.get("input")
        if is_tokens(given.value):
            return [""]
        texts = input_texts(self.counted(given).value)
        # Objects are what some hosts take beside texts: pictures and the like.
        if not all(isinstance(one, (str, list, dict)) for one in given.value or ()):
            for item in given.items():
                item.a("a string or an array")
        return texts

    def turns(self, body: Field) -> List[Turn]:
        """The input counts as the user's text."""
        texts, encoding = body.get("input"), body.get("encoding_format")
        if texts.value == []:
            texts.expected("an array")
        if not encoding.is_absent and encoding.value not in ("float", "base64"):
            encoding.expected("one from float, base64")
        return [Turn("user", "\n".join(self.inputs(body)))]

    @staticmethod
    def wants_base64(call: Call) -> bool:
        """Whether the request asks for packed vectors; openai-node does so by itself (5.6)."""
        return bool(call.body.get("encoding_format") == "base64")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        vectors: List[Json] = list(reply.vectors(len(call.inputs)))
        if self.wants_base64(call):
            vectors = [packed_floats(vector) for vector in vectors]
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(vectors)
            ],
            "model": reply.model,
            "usage": {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input},
        }

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body with its vectors in the encoding asked for: openai-node reads floats,
        where it asked for base64, as an empty vector, and says nothing (5.6, verified)."""
        form: type = list
        convert: Callable[[Any], Json] = unpacked_floats
        if self.wants_base64(call):
            form = str
            convert = packed_floats
        try:
            value = parse_json(body)
            # The file may have been recorded by either client: what fits already stays as it is.
            entries = [entry for entry in value["data"] if not isinstance(entry["embedding"], form)]
            if not entries:
                return body
            for entry in entries:
                if not isinstance(entry["embedding"], (str, list)):
                    return body  # no vector in either encoding
                entry["embedding"] = convert(entry["embedding"])
        except (ValueError, KeyError, TypeError, OverflowError, struct.error):
            return body  # not an embeddings list: the recording is sent as it is
        return self.encode(value)
