"""A messages request of Anthropic as its rules look at it.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from ..limits import Json
from .base import Case
from .claude_checks import CacheMark, MergedTurn, first_kind
from .conversation import PLAIN_TURN, TalkTurn, ToolMark, indexed_objects, text_at

# The indexes that lead to a block: the message, the block of it, and the one inside that.
BlockPath = Tuple[int, ...]
PlacedBlock = Tuple[BlockPath, Dict[str, Any]]


def block_place(at: BlockPath) -> str:
    """The path to a block, as in `messages.1.content.0`."""
    place = f"messages.{at[0]}.content.{at[1]}"
    if len(at) > 2:
        place += f".tool_result.content.{at[2]}"
    return place


class ClaudeView:
    """A request: the case, its body, what is in its conversation.

    `present` are the names of the body's members, and with a plus what else there is: a type of
    block (`+text` also for a text that is no block, and for the system prompt's), `+empty` messages
    and `+system` ones, `+cache` marks, results of `+server` tools, `+misplaced` calls or results, a
    last message that is the `+assistant`'s.  Rules need them like members.
    Messages that follow each other with one role are one turn (4.2)."""

    __slots__ = (
        "case",
        "body",
        "messages",
        "present",
        "turns",
        "late",
        "blocks",
        "marks",
        "empty",
        "blank",
        "system",
        "begun",
        "has_words",
        "asked",
    )

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body: Dict[str, Any] = case.body
        messages = self.body.get("messages")
        self.messages: List[Any] = messages if isinstance(messages, list) else []
        self.present: Set[str] = set(self.body)
        self.turns: List[TalkTurn] = []
        self.late: Set[ToolMark] = set()  # results behind something else in their turn
        self.blocks: Dict[str, List[PlacedBlock]] = {}  # by type
        self.marks: List[CacheMark] = []
        self.empty: List[int] = []  # messages
        self.blank: List[int] = []
        self.system: List[int] = []
        self.begun = 0  # the index at which the turn begins that is read
        self.has_words = False  # whether there is anything but results in it
        self.asked: Optional[List[str]] = None  # betas, once they were looked at
        self.read_marks()
        self.read()
        if self.marks:
            self.present.add("+cache")

    def read_marks(self) -> None:
        """Find the marks before the messages."""
        if isinstance(self.body.get("system"), list):
            self.present.add("+text")
        for name, tag in (("tools", ".custom"), ("system", "")):
            for index, one in indexed_objects(self.body.get(name)):
                if "cache_control" in one:
                    kind = one.get("type")
                    named = f".{kind}" if name == "tools" and isinstance(kind, str) else tag
                    self.mark(f"{name}.{index}", one, named)

    def mark(self, place: str, block: Dict[str, Any], tag: str) -> None:
        """Note a mark, unless it says nothing."""
        says = block["cache_control"]
        if isinstance(says, dict):
            self.marks.append(CacheMark(place, says, tag))

    def read(self) -> None:
        """Find the turns and the blocks."""
        before = None
        for index, message in indexed_objects(self.messages):
            role, content = message.get("role"), message.get("content")
            if role == "system":  # in between it changes nothing of what answers what
                self.present.add("+system")
                self.system.append(index)
                continue
            if role != before:
                before = role
                self.turns.append(PLAIN_TURN)
                self.begun, self.has_words = index, False
            if content == "" or content == []:
                self.present.add("+empty")
                self.empty.append(index)
            elif isinstance(content, list):
                self.read_blocks(index, role, content)
            elif isinstance(content, str):
                self.has_words = True
                if content.isspace():
                    self.present.add("+text")
                    self.blank.append(index)
        if self.messages and text_at(self.messages[-1], "role") == "assistant":
            self.present.add("+assistant")

    def read_blocks(self, index: int, role: Json, content: List[Any]) -> None:
        """Find what a message has."""
        for part, block in indexed_objects(content):
            kind = block.get("type")
            if not isinstance(kind, str):
                continue
            self.put(kind, (index, part), block)
            if kind == "tool_use" and role == "assistant":
                turn = self.turn(index, "assistant")
                turn.calls.append(ToolMark(text_at(block, "id"), index, part))
            elif kind == "tool_result":
                self.read_result(index, part, role, block)
            else:
                self.has_words = True
                if kind == "tool_use":
                    self.present.add("+misplaced")

    def read_result(self, index: int, part: int, role: Json, block: Dict[str, Any]) -> None:
        """Find what a result of a tool has."""
        for inner, one in indexed_objects(block.get("content")):
            if one.get("type") == "image":
                self.put("image", (index, part, inner), one)
            elif "cache_control" in one:
                place = block_place((index, part, inner))
                self.mark(place, one, "." + text_at(one, "type"))
        if role == "user":
            mark = ToolMark(text_at(block, "tool_use_id"), index, part)
            self.turn(index, "user").results.append(mark)
            if self.has_words:
                self.late.add(mark)
        else:
            self.present.add("+misplaced")

    def put(self, kind: str, at: BlockPath, block: Dict[str, Any]) -> None:
        """Note a block."""
        found = self.blocks.get(kind)
        if found is None:
            found = self.blocks[kind] = []
            self.present.add("+" + kind)
            if kind.endswith("_tool_result"):
                self.present.add("+server")
        found.append((at, block))
        if "cache_control" in block:
            self.mark(block_place(at), block, "." + kind)

    def turn(self, index: int, role: str) -> TalkTurn:
        """The turn that is read."""
        turn = self.turns[-1]
        if turn is PLAIN_TURN:
            turn = self.turns[-1] = TalkTurn(role, self.begun)
        turn.last = index
        return turn

    def of(self, kind: str) -> List[PlacedBlock]:
        """The blocks of a type, in order."""
        return self.blocks.get(kind, [])

    def betas(self) -> List[str]:
        """The betas that a request asks for: in a header, but on Bedrock, and in its body."""
        if self.asked is not None:
            return self.asked
        named = self.body.get("anthropic_beta")
        found = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
        if self.case.wire.provider != "bedrock":
            header = self.case.headers.get("anthropic-beta")
            found += [one.strip() for one in (header or "").split(",") if one.strip()]
        self.asked = found
        return found

    def has_beta(self, *starts: str) -> bool:
        """Whether a request asks for one of some betas, by how their names start."""
        return any(name.startswith(starts) for name in self.betas())

    def merged(self) -> List[MergedTurn]:
        """The turns, with what each begins with."""
        found: List[MergedTurn] = []
        for index, message in indexed_objects(self.messages):
            role, content = message.get("role"), message.get("content")
            if role == "system":
                continue
            if not found or found[-1].role != role:
                found.append(MergedTurn(index, role, first_kind(content)))
            kinds = [text_at(block, "type") for _, block in indexed_objects(content)]
            found[-1].has_results |= role == "user" and "tool_result" in kinds
        return found

    def ending(self) -> Iterator[Tuple[int, str]]:
        """The index of a last message that is the assistant's, and its text, if it ends in one: not
        where a tool of the server goes on, whose turn was paused."""
        index = len(self.messages) - 1
        last: Any = self.messages[index] if self.messages else None
        if text_at(last, "role") != "assistant":
            return
        content = last.get("content")
        if isinstance(content, str):
            yield index, content
        elif isinstance(content, list) and content:
            kinds = {text_at(block, "type") for block in content}
            if text_at(content[-1], "type") == "text" and "server_tool_use" not in kinds:
                yield index, text_at(content[-1], "text")
