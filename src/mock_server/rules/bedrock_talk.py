"""A Converse request as its rules look at it.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Set, Tuple

from ..jsons import within
from ..limits import Json
from .base import Case
from .bedrock_fields import AWS_CONTENT_BLOCK
from .conversation import PLAIN_TURN, TalkTurn, ToolMark, indexed_objects, text_at

BLOCK_KINDS = frozenset(AWS_CONTENT_BLOCK.members)
# What a conversation may have that rules need, beside members and kinds of blocks.
MODEL_FIELDS = "additionalModelRequestFields"
ODD_START, REPEATED, WITHOUT_BLOCKS, WITH_BLANKS = "odd start", "repeated", "empty", "blank"
BARE_JSON, NAMES_PAPERS = "bare JSON", "names papers"
TOOL_BLOCK, TO_LOOK_AT = "tool block", "to look at"
KINDS_OF_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("toolUse", "toolResult"), TOOL_BLOCK),
    **dict.fromkeys(("image", "video"), TO_LOOK_AT),
}


class TalkBlock(NamedTuple):
    """A content block that is no text, by the first of its members."""

    message: int
    number: int
    kind: str
    value: Any

    @property
    def place(self) -> str:
        """The path to it, as Bedrock's sentences have it."""
        return f"messages.{self.message}.content.{self.number}"

    @property
    def mark(self) -> ToolMark:
        """It as a call or a result."""
        return ToolMark(text_at(self.value, "toolUseId"), self.message, self.number)


def is_bare(value: Json) -> bool:
    """Whether a value is JSON, but no object."""
    return value is not None and not isinstance(value, dict)


class ConverseTalk:
    """Roles, turns and blocks of a conversation, found in one pass: `blank` are the places of texts
    that say nothing, `bare` those of JSON that is no object, `papers` those of documents with their
    names, `empty` the messages that have nothing, `repeated` the first that has the role of the one
    before it.  `present` has the members of the request, the kinds of its blocks, and what else
    rules look for."""

    __slots__ = (
        *("case", "request", "is_count", "roles", "turns", "blocks", "blank", "empty", "repeated"),
        *("bare", "papers", "present"),
    )

    def __init__(self, case: Case, request: Any, is_count: bool = False) -> None:
        self.case, self.is_count = case, is_count
        self.request: Dict[str, Any] = request if isinstance(request, dict) else {}
        self.roles: List[Any] = []
        self.turns: List[TalkTurn] = []
        self.blocks: List[TalkBlock] = []
        self.blank: List[str] = []
        self.bare: List[str] = []
        self.papers: List[Tuple[str, Json]] = []
        self.empty: List[int] = []
        self.repeated = 0
        messages = self.request.get("messages")
        if isinstance(messages, list):
            self.read(messages)
        self.present = self.found()

    def found(self) -> Set[str]:
        """What there is for rules to look at."""
        found = set(self.request)
        if "toolConfig" in found:
            self.read_tools()
        if MODEL_FIELDS in found and is_bare(self.request[MODEL_FIELDS]):
            self.bare.append(MODEL_FIELDS)
        for block in self.blocks:
            found.add(block.kind)
            found.add(KINDS_OF_KINDS.get(block.kind, ""))
        if not self.roles or self.roles[0] == "assistant":
            found.add(ODD_START)
        for name, what in (
            (REPEATED, self.repeated),
            (WITHOUT_BLOCKS, self.empty),
            (WITH_BLANKS, self.blank),
            (BARE_JSON, self.bare),
            (NAMES_PAPERS, self.papers),
        ):
            if what:
                found.add(name)
        return found

    def read(self, messages: List[Any]) -> None:
        """Find them."""
        is_first, before = True, None
        roles, self.turns = self.roles, [PLAIN_TURN] * len(messages)
        for number, message in enumerate(messages):
            role, content = None, None
            if isinstance(message, dict):
                role, content = message.get("role"), message.get("content")
            if role == before and not is_first and role in ("user", "assistant"):
                self.repeated = self.repeated or number
            is_first, before = False, role
            roles.append(role)
            if not content:
                self.empty += [number] * (content == [])
            elif isinstance(content, list):
                self.read_blocks(number, role, content)

    def read_blocks(self, number: int, role: Any, content: List[Any]) -> None:
        """Find the blocks of one message."""
        for index, block in enumerate(content):
            if not isinstance(block, dict):
                continue
            text = block.get("text")
            if isinstance(text, str):
                if not text or text.isspace():
                    self.blank.append(f"messages.{number}.content.{index}")
                continue
            kind = ""
            for kind in block:  # what has none of them is called by its last member
                if kind in BLOCK_KINDS:
                    break
            found = TalkBlock(number, index, kind, block.get(kind))
            self.blocks.append(found)
            if kind == "toolUse":
                self.read_use(found, role)
            elif kind == "toolResult":
                self.read_result(found, role)
            elif kind == "document":
                self.papers.append((found.place, within(found.value, "name")))

    def read_tools(self) -> None:
        """Find out which of the tools have a schema that is none."""
        for index, tool in self.tools:
            if is_bare(within(tool, "toolSpec", "inputSchema", "json")):
                self.bare.append(f"toolConfig.tools.{index}.toolSpec.inputSchema.json")

    def read_use(self, block: TalkBlock, role: Any) -> None:
        """Find out what is in a call of a tool."""
        if is_bare(within(block.value, "input")):
            self.bare.append(f"{block.place}.toolUse.input")
        # What a model's own tools did stands in its own turn.
        if role == "assistant" and not text_at(block.value, "type"):
            self.turn_of(block, role).calls.append(block.mark)

    def read_result(self, block: TalkBlock, role: Any) -> None:
        """Find out what is in the result of a tool."""
        for index, part in indexed_objects(within(block.value, "content")):
            if "json" in part and is_bare(part["json"]):
                self.bare.append(f"{block.place}.toolResult.content.{index}.json")
            elif "document" in part:
                place = f"{block.place}.toolResult.content.{index}"
                self.papers.append((place, within(part, "document", "name")))
        if role == "user" and not text_at(block.value, "type"):
            self.turn_of(block, role).results.append(block.mark)

    def turn_of(self, block: TalkBlock, role: str) -> TalkTurn:
        """The turn that a call or a result stands in."""
        turn = self.turns[block.message]
        if turn is PLAIN_TURN:
            turn = self.turns[block.message] = TalkTurn(role, block.message)
        return turn

    def has_text(self, number: int) -> bool:
        """Whether a message has a text beside other blocks."""
        content = self.request["messages"][number]["content"]
        return any(isinstance(block, dict) and "text" in block for block in content)

    @property
    def name(self) -> str:
        """The model's name without region and publisher."""
        return self.case.name

    @property
    def is_elsewhere(self) -> bool:
        """Whether the messages are a managed prompt's, or in the body of an InvokeModel request."""
        if self.is_count:
            return within(self.case.body, "input", "converse") is None
        return self.request.get("promptVariables") is not None or ":prompt/" in self.case.model

    @property
    def tools(self) -> Iterator[Tuple[int, Dict[str, Json]]]:
        """The tools that the request offers, with their indexes."""
        return indexed_objects(within(self.request, "toolConfig", "tools"))

    @property
    def tool_choice(self) -> Dict[str, Any]:
        """Which of them it wants."""
        choice = within(self.request, "toolConfig", "toolChoice")
        return choice if isinstance(choice, dict) else {}


def converse_talk(case: Case) -> ConverseTalk:
    """That of a Converse request."""
    return ConverseTalk(case, case.body)


def counted_talk(case: Case) -> ConverseTalk:
    """That of the Converse request whose tokens are to be counted."""
    return ConverseTalk(case, within(case.body, "input", "converse"), True)
