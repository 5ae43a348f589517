"""A Converse request as its rules look at it.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from ..jsons import within
from ..limits import Json
from .base import Case
from .bedrock_fields import AWS_CONTENT_BLOCK
from .conversation import PLAIN_TURN, TalkTurn, ToolMark, indexed_objects, text_at

BLOCK_KINDS = frozenset(AWS_CONTENT_BLOCK.members)
# What a conversation may have that rules need, beside members and kinds of blocks.
ODD_START, REPEATED, WITHOUT_BLOCKS, WITH_BLANKS = "odd start", "repeated", "empty", "blank"
TOOL_BLOCK, MAY_NAME_PAPERS, TO_LOOK_AT = "tool block", "may name papers", "to look at"
HOLDS_JSON = "holds JSON"
MARKS_OF_BLOCKS: Mapping[str, Sequence[str]] = {
    "toolUse": (TOOL_BLOCK,),
    "toolResult": (TOOL_BLOCK, MAY_NAME_PAPERS),
    "document": (MAY_NAME_PAPERS,),
    "image": (TO_LOOK_AT,),
    "video": (TO_LOOK_AT,),
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


class ConverseTalk:
    """Roles, turns and blocks of a conversation, found in one pass: `blank` are the places of texts
    that say nothing, `empty` the messages that have nothing, `repeated` the first that has the
    role of the one before it.  `present` has the members of the request, the kinds of its
    blocks, and what else rules look for."""

    __slots__ = (
        *("case", "request", "is_count", "roles", "turns", "blocks", "blank", "empty", "repeated"),
        "present",
    )

    def __init__(self, case: Case, request: Any, is_count: bool = False) -> None:
        self.case, self.is_count = case, is_count
        self.request: Dict[str, Any] = request if isinstance(request, dict) else {}
        self.present: Set[str] = set(self.request)
        self.roles: List[Any] = []
        self.turns: List[TalkTurn] = []
        self.blocks: List[TalkBlock] = []
        self.blank: List[str] = []
        self.empty: List[int] = []
        self.repeated = 0
        messages = self.request.get("messages")
        if isinstance(messages, list):
            self.read(messages)
        if not self.present.isdisjoint((TOOL_BLOCK, "toolConfig", "additionalModelRequestFields")):
            self.present.add(HOLDS_JSON)
        if not self.roles or self.roles[0] == "assistant":
            self.present.add(ODD_START)

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
        found = ((REPEATED, self.repeated), (WITHOUT_BLOCKS, self.empty), (WITH_BLANKS, self.blank))
        self.present.update([name for name, what in found if what])

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
            kind = next((name for name in block if name in BLOCK_KINDS), "")
            self.blocks.append(TalkBlock(number, index, kind, block.get(kind)))
            self.present.update(MARKS_OF_BLOCKS.get(kind, ()), (kind,))
            if kind == "toolUse" or kind == "toolResult":
                self.mark(number, index, role, kind, block[kind])

    def mark(self, number: int, index: int, role: Any, kind: str, value: Any) -> None:
        """Remember a call of the assistant's or a result of the user's; what a model's own tools
        did stands in its own turn."""
        if role != ("assistant" if kind == "toolUse" else "user") or text_at(value, "type"):
            return
        turn = self.turns[number]
        if turn is PLAIN_TURN:
            turn = self.turns[number] = TalkTurn(role, number)
        marks = turn.calls if kind == "toolUse" else turn.results
        marks.append(ToolMark(text_at(value, "toolUseId"), number, index))

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
