"""docs/mock.schema.json is a JSON Schema, and takes the mocks that the project has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "docs" / "mock.schema.json").read_text("utf-8"))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_takes_the_mocks_that_there_are_and_no_other_keys() -> None:
    check = Draft202012Validator(SCHEMA).validate
    for path in sorted((ROOT / "data" / "mocks").rglob("*.json")):
        check(json.loads(path.read_text("utf-8")))
    with pytest.raises(ValidationError):
        check([{"response": {"txet": "x"}}])
