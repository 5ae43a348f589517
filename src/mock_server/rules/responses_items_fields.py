"""What the items of a Responses request may be, and their parts (request rules, 1.2).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Sequence, TypeVar

from ..errors import MISSING
from ..limits import Json
from .fields import (
    MISSING_FIELD,
    TOO_LONG,
    TOO_SHORT,
    UNKNOWN_FIELD,
    WRONG_PATTERN,
    WRONG_TAG,
    AnArray,
    AnObject,
    Anything,
    AString,
    AUnion,
    Either,
    FieldFault,
    FieldPath,
    Fits,
    Shape,
)

AnyShape = TypeVar("AnyShape", bound=Shape)


def called(kind: str, shape: AnyShape) -> AnyShape:
    """A shape under the name that OpenAI has for it."""
    shape.kind = kind
    return shape


class InOrder(AnObject):
    """An object of which what is missing is told first, then what is unknown, then what is wrong
    with its members in their own order (seen)."""

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """In that order."""
        members = self.members
        for name in self.needed:
            if name not in value:
                yield FieldFault((*path, name), MISSING_FIELD, members[name], MISSING)
        for name in value if self.closed else ():
            if name not in members:
                yield FieldFault((*path, name), UNKNOWN_FIELD, self, value[name])
        for name, shape in members.items():
            if name in value and type(value[name]) is not shape.plain:
                yield from shape.faults(value[name], (*path, name))


class AnId(AString):
    """An id that begins as those of its kind do."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        super().__init__(rule="responses/item-id-prefix")

    def made(self) -> Fits:
        """By its beginning; null is as good as none."""
        prefix = self.prefix
        return lambda value: value is None or (type(value) is str and value.startswith(prefix))

    def wrong(self, text: str) -> str:
        """That it begins otherwise."""
        return "" if text.startswith(self.prefix) else WRONG_PATTERN


class ToldUnion(AUnion):
    """A union whose errors list the members that are `told`, and tell of the whole value; it has no
    tag where it has none of its own."""

    def __init__(
        self,
        tag: str,
        members: Mapping[str, AnObject],
        told: Sequence[str] = (),
        rule: str = "",
    ) -> None:
        self.told = tuple(told) or tuple(members)
        super().__init__(tag, members, rule=rule)

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """A missing tag is an empty one (seen)."""
        named = self.named(value)
        if named in self.members:
            yield from self.members[named].faults(value, path)
        else:
            yield FieldFault(path, WRONG_TAG, self, named)

    def named(self, value: Mapping[str, Json]) -> str:
        """The tag of a value; empty if there is none."""
        named = value.get(self.tag)
        return named if isinstance(named, str) else ""


WHATEVER = Anything()
PART_CACHING = {"prompt_cache_breakpoint": WHATEVER}
INPUT_TEXT = InOrder({"text": AString(), **PART_CACHING}, ("text",))
INPUT_IMAGE = InOrder(
    {
        "image_url": called("an image URL", AString(null=True)),
        **dict.fromkeys(("file_id", "detail"), WHATEVER),
        **PART_CACHING,
    }
)
INPUT_FILE = InOrder(
    {
        **dict.fromkeys(("detail", "file_data", "file_id", "file_url", "filename"), WHATEVER),
        **PART_CACHING,
    }
)
OUTPUT_PARTS: Dict[str, AnObject] = {
    "output_text": InOrder(
        {"text": AString(), "annotations": WHATEVER, "logprobs": WHATEVER}, ("text",)
    ),
    "refusal": InOrder({"refusal": AString()}, ("refusal",)),
}
INPUT_PARTS: Dict[str, AnObject] = {
    "input_text": INPUT_TEXT,
    "input_image": INPUT_IMAGE,
    "output_text": OUTPUT_PARTS["output_text"],
    "refusal": OUTPUT_PARTS["refusal"],
    "input_file": INPUT_FILE,
    "computer_screenshot": AnObject({}, closed=False),
    "summary_text": AnObject({}, closed=False),
}
# These came later than the sentence, which lists them nowhere.
LATER_PARTS = {
    kind: AnObject({}, closed=False) for kind in ("input_audio", "reasoning_text", "encrypted_text")
}
PARTS_OF_INPUT = AnArray(
    ToldUnion(
        "type",
        {**INPUT_PARTS, **LATER_PARTS},
        tuple(INPUT_PARTS),
        rule="responses/user-part-type",
    )
)
PARTS_OF_ASSISTANT = AnArray(
    ToldUnion("type", OUTPUT_PARTS, rule="responses/assistant-part-type"),
)


def said_with(parts: Shape) -> Shape:
    """Content: a text, or parts."""
    return called("an array of objects or string", Either(AString(), parts))


MESSAGE_MEMBERS = {"type": WHATEVER, "id": AnId("msg"), "status": WHATEVER}
# The SDK has a phase in messages of all roles.
INPUT_MESSAGE = InOrder(
    {**MESSAGE_MEMBERS, "phase": WHATEVER, "content": said_with(PARTS_OF_INPUT)}, ("content",)
)
OUTPUT_MESSAGE = InOrder(
    {**MESSAGE_MEMBERS, "phase": WHATEVER, "content": said_with(PARTS_OF_ASSISTANT)}, ("content",)
)


BY_ROLE = ToldUnion(
    "role",
    {
        "assistant": OUTPUT_MESSAGE,
        "system": InOrder(INPUT_MESSAGE.members, ("content",)),
        "developer": InOrder(INPUT_MESSAGE.members, ("content",)),
        "user": INPUT_MESSAGE,
    },
)


class Items(ToldUnion):
    """Items by their type, which a message and a reference may leave out; messages by their
    role."""

    def made(self) -> Fits:
        """By that; messages are looked at first, for most items are."""
        tests = {name: shape.fits for name, shape in self.members.items()}
        tests["message"] = fits_role = BY_ROLE.fits
        get, named = tests.get, self.named

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            kind = value.get("type")
            if kind == "message" or (kind is None and "role" in value):
                return fits_role(value)
            test = get(named(value))
            return test is not None and test(value)

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Those of its type, or of its role."""
        if self.named(value) == "message":
            return BY_ROLE.faults(value, path)
        return super().inner_faults(value, path)

    def named(self, value: Mapping[str, Json]) -> str:
        """The type as the server reads it."""
        kind = value.get("type")
        if kind is None:
            return "message" if "role" in value or "id" not in value else "item_reference"
        return kind if isinstance(kind, str) else ""


# Of 64 characters at most in chat completions (seen of both).
CALLED_NAME = AString(least=1, most=128, pattern="^[a-zA-Z0-9_-]+$")
# Request rules, 2.3: each length is a rule of its own.
ID_OF_CALL = AString(
    least=1,
    most=64,
    null=True,
    rule={TOO_SHORT: "responses/call-id-empty", TOO_LONG: "responses/call-id-length"},
)
# Who may call, where a function is and whether one waits for it came in 2026 (typed).
CALLED_BY = dict.fromkeys(("status", "caller", "namespace", "async"), WHATEVER)
FUNCTION_CALL = InOrder(
    {
        "call_id": ID_OF_CALL,
        "name": CALLED_NAME,
        "arguments": AString(),
        "id": AnId("fc"),
        **CALLED_BY,
    },
    ("call_id", "name", "arguments"),
)
# Its call_id may be missing since 2026 (typed).
FUNCTION_OUTPUT = InOrder(
    {
        "call_id": ID_OF_CALL,
        "output": called("a string or array of objects", Either(AString(), PARTS_OF_INPUT)),
        **dict.fromkeys(("id", "name"), WHATEVER),
        **CALLED_BY,
    },
    ("output",),
)
THOUGHT_ITEM = InOrder(
    {
        "id": AnId("rs"),
        "summary": AnArray(WHATEVER),
        "content": WHATEVER,
        "encrypted_content": AString(null=True),
    },
    ("summary",),
)
# Each kind of action has members of its own; sources are said to be refused, but are typed.
WEB_ACTION = AUnion(
    "type",
    {
        "search": InOrder(dict.fromkeys(("query", "queries", "sources"), WHATEVER)),
        "open_page": InOrder({"url": WHATEVER}),
        "find_in_page": InOrder({"url": WHATEVER, "pattern": WHATEVER}),
        "find": InOrder({"url": WHATEVER, "pattern": WHATEVER}),
    },
    null=True,
)


def item_with(**members: Shape) -> AnObject:
    """An item of which nothing but this is said."""
    return AnObject(members, closed=False)


OTHER_ITEMS = (
    *("file_search_call", "computer_call", "computer_call_output", "tool_search_call"),
    *("tool_search_output", "additional_tools", "configuration_update", "compaction"),
    *("image_generation_call", "code_interpreter_call", "local_shell_call"),
    *("local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call"),
    *("apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
    *("mcp_call", "compaction_trigger", "program", "program_output"),
)
ITEMS = called(
    "an input item",
    Items(
        "type",
        {
            "message": AnObject({}),  # for whoever lists them: those are told by their role
            "function_call": FUNCTION_CALL,
            "function_call_output": FUNCTION_OUTPUT,
            "reasoning": THOUGHT_ITEM,
            "item_reference": InOrder({"id": AString()}, ("id",), closed=False),
            "custom_tool_call": item_with(id=AnId("ctc"), call_id=ID_OF_CALL),
            "custom_tool_call_output": item_with(call_id=ID_OF_CALL),
            "web_search_call": item_with(id=AnId("ws"), action=WEB_ACTION),
            **{kind: AnObject({}, closed=False) for kind in OTHER_ITEMS},
        },
    ),
)
