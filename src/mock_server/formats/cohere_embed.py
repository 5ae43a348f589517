"""Cohere v2: embeddings (wire formats, section 11).  Pure."""

from __future__ import annotations

from typing import Callable, List, Mapping, Sequence

from ..jsons import by_rows, compact
from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reply, Turn
from .base import uuid
from .cohere import Cohere
from .openai import openai_text
from .shapes import packed_floats, texts_of


def int8_vector(vector: Sequence[float]) -> List[int]:
    """A vector of numbers from -1 to 1 as whole numbers of 8 bits; what is outside is cut off."""
    return [max(-128, min(127, round(value * 127))) for value in vector]


def uint8_vector(vector: Sequence[float]) -> List[int]:
    """The same from 0 to 255."""
    return [value + 128 for value in int8_vector(vector)]


def sign_bits(vector: Sequence[float]) -> bytes:
    """A bit a number, set where it is above 0, eight to a byte, the first one highest."""
    bits = "".join("1" if value > 0 else "0" for value in vector)
    # What is missing of the last byte is filled up with zeros.
    return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))


def binary_vector(vector: Sequence[float]) -> List[int]:
    """The bytes of sign_bits as numbers from -128 to 127, shifted as int8 is."""
    return [byte - 128 for byte in sign_bits(vector)]


def ubinary_vector(vector: Sequence[float]) -> List[int]:
    """The bytes of sign_bits as numbers from 0 to 255."""
    return list(sign_bits(vector))


VectorType = Callable[[Sequence[float]], Json]

# What `embedding_types` may ask for.  Names and bounds are documented, the scale is unverified.
VECTOR_TYPES: Mapping[str, VectorType] = {
    "float": list,
    "base64": packed_floats,
    "int8": int8_vector,
    "uint8": uint8_vector,
    "binary": binary_vector,
    "ubinary": ubinary_vector,
}


class CohereEmbed(Cohere):
    """Embeddings, in each of the types that the request asks for."""

    operation, api = "embed", "embed"
    routes = ("POST /v2/embed", "POST {prefix*}/v2/embed")
    fields = {
        "model": "a string!",
        "texts": "an array",
        "images": "an array",
        "inputs": "an array",
        "input_type": "a string",
        "embedding_types": "an array",
        "output_dimension": "an integer",
    }
    speaks = frozenset((Embedding,))
    # Quoted from misbahsy/RAGTune, issue 2, for `texts`; unverified for the others.
    layout = staticmethod(by_rows(compact))
    most_inputs = 96
    too_many = "invalid request: total number of {path} must be at most {most} - received {found}"

    def inputs(self, body: Field) -> List[str]:
        """The texts; an image has none."""
        names = ("texts", "inputs", "images")
        texts, contents, images = [self.counted(body.get(name)) for name in names]
        if not texts.is_absent:
            return texts_of(texts)
        if not contents.is_absent:
            return [openai_text(item.get("content")) for item in contents.objects()]
        # One of the three must be there; `texts` is what most clients mean.
        if not images.value:
            texts.missing("an array")
        return [""] * len(images.value)

    def turns(self, body: Field) -> List[Turn]:
        """The texts count as the user's."""
        for name in body.get("embedding_types").items():
            if not name.is_a("a string") or name.value not in VECTOR_TYPES:
                name.expected("one of " + ", ".join(VECTOR_TYPES))
        return [Turn("user", "\n".join(self.inputs(body)))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings by type; floats where none is asked for."""
        vectors = reply.vectors(len(call.inputs))
        types = dict.fromkeys(call.body.get("embedding_types") or ["float"])  # each once
        # The shape for typed embeddings, which every v2 answer has (section 11, verified).
        return {
            "id": reply.id or uuid(call, "id"),
            "embeddings": {
                name: [VECTOR_TYPES[name](vector) for vector in vectors] for name in types
            },
            "texts": list(call.inputs),
            "meta": {
                "api_version": {"version": "2"},
                "billed_units": {"input_tokens": reply.usage.input},
            },
            "response_type": "embeddings_by_type",
        }
