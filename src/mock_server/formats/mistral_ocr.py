"""Mistral's OCR: what a document says, as Markdown (short facts; typed).  Pure."""

from __future__ import annotations

from typing import Iterator, Tuple

from ..jsons import within
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Text, Turn
from .mistral import Mistral


class MistralOCR(Mistral):
    """OCR; a neutral text is what stands on the one page that there is, or what is said of it in
    the form that the request asks for."""

    api = "ocr"
    may_stream = False
    routes: Tuple[str, ...] = ("POST /v1/ocr", "POST {prefix*}/ocr")
    fields = {
        "model": "a string!",
        "document": "an object!",
        "pages": "an array or a string",
        "include_image_base64": "a boolean",
        "document_annotation_format": "an object",
    }
    speaks = frozenset((Text,))

    def turns(self, body: Field) -> Iterator[Turn]:
        """Where the document is, or its id, counts as the user's text; a prompt for annotations as
        instructions."""
        prompt = body.value.get("document_annotation_prompt")
        if isinstance(prompt, str):
            yield Turn("system", prompt)
        document = body.get("document")
        place = document.value.get("document_url") or document.value.get("file_id") or ""
        image = document.value.get("image_url")
        if image:
            place = image if isinstance(image, str) else within(image, "url")
        yield Turn("user", str(place))

    def whole(self, call: Call, reply: Reply) -> Json:
        """One page."""
        text = reply.text(Text) or ""
        page = {
            "index": 0,
            "markdown": text,
            "images": [],
            "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
        }
        annotation = text if call.body.get("document_annotation_format") else None
        return {
            "pages": [page],
            "model": reply.model,
            "document_annotation": annotation,
            "usage_info": {"pages_processed": 1, "doc_size_bytes": 3000},
        }
