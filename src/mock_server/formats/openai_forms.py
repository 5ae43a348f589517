"""Forms as OpenAI's APIs take them: pictures and sound come as files, all else as text.  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping

from ..errors import MISSING, BadField
from ..forms import Fields, listed
from ..limits import Json
from ..node import Field
from ..records import replace
from ..values import Call, Failure, Request
from .openai import OpenAI

A_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
# Quoted, of several fields `image`: astrbot_plugin_omnidraw, pull request 58.
TWICE = (
    "Duplicate parameter: '{path}'. You provided multiple values for this parameter, whereas only "
    "one is allowed. If you are trying to provide a list of values, use the array syntax instead "
    "e.g. '{path}[]=<value>'."
)
ONE_VALUE = "one value"
A_FILE = "a file"


def meant(text: Json, kind: str) -> Json:
    """What the text of a field stands for where a value of this kind is wanted; itself, if for
    none."""
    if not isinstance(text, str):
        return text
    if "boolean" in kind:
        return {"true": True, "false": False}.get(text.lower(), text)
    if ("number" in kind or "integer" in kind) and A_NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def form_values(form: Fields, kinds: Mapping[str, str]) -> Dict[str, Json]:
    """The fields of a form as JSON would say them, whose members are of these kinds: `name[]` is an
    array."""
    values: Dict[str, Json] = {}
    for name, value in form.items():
        plain = name[:-2] if name.endswith("[]") else name
        kind = kinds.get(plain, "")
        values[plain] = meant(value, kind)
        if plain != name:
            values[plain] = [meant(one, kind) for one in listed(value)]
    return values


def check_once(form: Fields) -> None:
    """Raise BadField for a field that stands twice and is no array."""
    for name, value in form.items():
        if isinstance(value, list) and not name.endswith("[]"):
            Field(form).get(name).expected(ONE_VALUE)


def files_in(field: Field) -> List[Field]:
    """The files of a field, of which there may be several in an array."""
    nodes = [field]
    if isinstance(field.value, list):
        nodes = field.items()
    for node in nodes:
        # What a form tells of a file, which a text in its place has nothing of.
        if not isinstance(node.value, dict):
            node.expected(A_FILE)
    return nodes


class OpenAIForms(OpenAI):
    """What the APIs share whose bodies are forms.  `fields` are the kinds of what the texts stand
    for, as if they were JSON; `files` are the fields that hold files, and whether one must be
    there."""

    takes_form = True
    files: Mapping[str, bool] = {}

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The call, whose body are the fields as they came."""
        check_once(body)
        values = form_values(body, self.fields)
        call = super().read(request, params, values)
        fields = Field(values)
        for name, is_needed in self.files.items():
            if is_needed or not fields.get(name).is_absent:
                for file in files_in(fields.get(name)):
                    self.check_file(file)
        return replace(call, body=body)

    def check_file(self, file: Field) -> None:
        """Raise BadField for a file that is none of those that the API takes."""

    def asked(self, call: Call) -> Mapping[str, Json]:
        """What a call asks for."""
        return form_values(call.body, self.fields)

    def complaint(self, wrong: BadField) -> Failure:
        """Also of a field that stands twice."""
        if wrong.expected == ONE_VALUE and wrong.found is not MISSING:
            text = TWICE.replace("{path}", wrong.path)
            return Failure(400, text, "invalid_request_error", "duplicate_parameter", wrong.path)
        return super().complaint(wrong)
