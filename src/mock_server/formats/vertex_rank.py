"""Google's ranking API, as gateways call it beside Vertex AI.  Pure."""

from __future__ import annotations

from typing import Dict, Mapping

from ..limits import Json
from ..node import Field
from ..values import Call, Reply
from .gemini import pick, snake
from .reranking import Reranking
from .shapes import items_within
from .vertex import Vertex

MOST_RECORDS = 200  # documented; the sentence is unverified
RECORD_FIELDS = {"id": "a string", "title": "a string", "content": "a string"}
RANK_OPTIONS = {"topN": "an integer", "ignoreRecordDetailsInResponse": "a boolean"}


class VertexRank(Reranking, Vertex):
    """rank: records in the order of their scores, under the ids that they came with."""

    routes = (
        "POST /{v1|v1beta|v1alpha}/projects/{project}/locations/{location}"
        "/rankingConfigs/{config}:rank",
    )
    fields = {
        "model": "a string",
        "query": "a string!",
        "records": "an array!",
        **RANK_OPTIONS,
        **{snake(name): kind for name, kind in RANK_OPTIONS.items()},
    }
    most_inputs = MOST_RECORDS
    too_many = "The number of records must be at most {most}, got {found}."
    least_wanted = -(2**31)  # what is no number of records asks for all of them (documented)
    service = "discoveryengine.googleapis.com"

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which the request may leave out."""
        return super().model(params, body) or "semantic-ranker-default@latest"

    def documents(self, body: Field) -> Field:
        """The records."""
        records = body.get("records")
        if not records.value:
            records.expected("an array with at least one record", "records is not specified")
        return self.counted(records)

    def text_of(self, document: Field) -> str:
        """Title and content, of which a record has one at least (documented)."""
        record = document.check(RECORD_FIELDS).value
        texts = [record[name] for name in ("title", "content") if record.get(name) is not None]
        if not texts:
            sentence = f"{document.path}: at least one of title or content should be set."
            document.expected("a record with a title or content", sentence)
        return "\n".join(texts)

    def wanted(self, body: Field) -> Field:
        """How many records are asked for."""
        wanted = body.get("topN")
        return body.get("top_n") if wanted.is_absent else wanted

    def whole(self, call: Call, reply: Reply) -> Json:
        """The records with their scores; without details only with their ids."""
        given = items_within(call.body, "records")
        names = ["id"]
        if not pick(call.body, "ignoreRecordDetailsInResponse"):
            names += ["title", "content"]
        records = []
        for index, score in self.ranked(call, reply):
            record: Dict[str, Json] = {name: given[index].get(name) for name in names}
            record = {name: value for name, value in record.items() if value is not None}
            records.append({**record, "score": score})
        return {"records": records}
