"""Rules of embeddings: OpenAI's and Azure's."""

from __future__ import annotations

import json
from typing import Any, List

from cases import cases
from rulebook import Broken, check_broken, rules_of, strict_answer

OPENAI = "/v1/embeddings"
AZURE = "/openai/deployments/ada/embeddings?api-version=2024-10-21"
SMALL = "text-embedding-3-small"
EMPTY = (
    "'$.input' is invalid. Please check the API reference: "
    "https://platform.openai.com/docs/api-reference."
)


def body(given: Any = "x", **more: Any) -> Any:
    """A body."""
    return {"model": SMALL, "input": given, **more}


BROKEN: List[Broken] = [
    *[
        Broken("embed/openai-empty", path, body(given), "input", EMPTY)
        for path in (OPENAI, AZURE)
        for given in ("", [], ["a", ""], [[]], 3, None, {"a": 1}, ["a", 1])
    ],
    Broken(
        "embed/openai-limits",
        OPENAI,
        body(dimensions=0),
        "dimensions",
        "0 is less than the minimum of 1 - 'dimensions'",
    ),
    Broken(
        "embed/openai-limits",
        OPENAI,
        body(["x"] * 2049),
        "input",
        "Invalid 'input': array too long. Expected an array with maximum length 2048, but got an "
        "array with length 2049 instead.",
        "array_above_max_length",
        "input",
    ),
    Broken(
        "embed/openai-dimensions",
        OPENAI,
        {"model": "text-embedding-ada-002", "input": "x", "dimensions": 8},
        "dimensions",
        "This model does not support specifying dimensions.",
    ),
    Broken(
        "openai/unknown-field",
        OPENAI,
        body(input_type="query"),
        "input_type",
        "Unrecognized request argument supplied: input_type",
    ),
    Broken(
        "openai/unknown-field",
        AZURE,
        body(input_type="query", priority=1, truncate="END"),
        "priority",
        "Unrecognized request arguments supplied: priority, truncate",
    ),
    Broken(
        "openai/missing",
        OPENAI,
        {"model": SMALL},
        "input",
        "Missing required parameter: 'input'.",
        "missing_required_parameter",
        "input",
    ),
    Broken(
        "openai/types",
        OPENAI,
        body(dimensions="8"),
        "dimensions",
        "Invalid type for 'dimensions': expected an integer, but got a string instead.",
        "invalid_type",
        "dimensions",
    ),
]
# Request rules, 5.
VALID = [
    body([1, 2, 3]),
    body([[1, 2], [3]]),
    body("x"),
    body(["x"] * 2048),
    body([7] * 3000),
    body(dimensions=256),
    body(encoding_format="float", user="u", dimensions=None),
    {"model": "text-embedding-ada-002", "input": "x"},
]


@cases("row", BROKEN)
def test_embeddings_refuse(row: Broken) -> None:
    check_broken(row)


def test_what_is_valid_to_embed_breaks_no_rule() -> None:
    for path in (OPENAI, AZURE):
        for value in VALID:
            assert rules_of(path, value) == []
    assert rules_of(AZURE, body(input_type="query")) == []
    for host in ("vllm", "openrouter", "ollama", "gemini"):  # which take other inputs
        assert rules_of(f"/{host}/v1/embeddings", body(["x", ""], input_type="query")) == []


def test_what_cannot_be_embedded_is_refused_in_openais_words() -> None:
    for path in (OPENAI, AZURE):
        response = strict_answer(path, body([])).response
        assert response.status == 400
        error = json.loads(response.body)["error"]
        assert (error["message"], error["type"]) == (EMPTY, "invalid_request_error")
        assert error["code"] is error["param"] is None
