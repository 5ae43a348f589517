"""Mistral's OCR: what a document says, as Markdown (short facts; typed).  Pure."""

from __future__ import annotations

import re
from typing import Iterator, Mapping, Tuple

from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Text, Turn
from .mistral import Mistral


def first_page(pages: Json) -> int:
    """The first of the pages that a request asks for, by numbers or as in "2-4"; they are counted
    from 0."""
    first = pages
    if isinstance(pages, list):
        first = pages[0] if pages else 0
    found = re.match("[0-9]{1,6}", str(first))
    if found is None:
        return 0
    return int(found.group())


class MistralOCR(Mistral):
    """OCR; a neutral text is what stands on the one page that there is, or what is said of it in
    the form that the request asks for."""

    api = "ocr"
    may_stream = False
    routes: Tuple[str, ...] = ("POST /v1/ocr", "POST {prefix*}/ocr")
    fields = {
        "model": "a string",
        "document": "an object!",
        "pages": "a string or an array",
        "include_image_base64": "a boolean",
        "image_limit": "an integer",
        "image_min_size": "an integer",
        "bbox_annotation_format": "an object",
        "document_annotation_format": "an object",
        "document_annotation_prompt": "a string",
        "table_format": "a string",
        "extract_header": "a boolean",
        "extract_footer": "a boolean",
        "include_blocks": "a boolean",
        "confidence_scores_granularity": "a string",
    }
    speaks = frozenset((Text,))

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which may be null (in the SDK's types)."""
        return super().model(params, body) or "mistral-ocr-latest"

    def turns(self, body: Field) -> Iterator[Turn]:
        """Where the document is, or its id, counts as the user's text; a prompt for annotations as
        instructions."""
        prompt = body.value.get("document_annotation_prompt")
        if prompt:
            yield Turn("system", prompt)
        document = body.get("document")
        image = document.get("image_url")
        if isinstance(image.value, dict):
            image = image.get("url")
        places = [image, document.get("document_url"), document.get("file_id")]
        said = [place for place in places if not place.is_null]
        if not said:
            document.expected("an object with document_url, image_url or file_id")
        yield Turn("user", said[0].text())

    def whole(self, call: Call, reply: Reply) -> Json:
        """One page."""
        text = reply.text(Text) or ""
        page = {
            "index": first_page(call.body.get("pages")),
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
