"""A generateContent request as its rules look at it.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..formats.gemini import pick
from ..forms import listed
from .base import Case
from .conversation import PLAIN_TURN, TalkTurn, ToolMark, indexed_objects, text_at
from .gemini_fields import PART_DATA

GEMINI_MODEL_TURN = TalkTurn(
    "model", -1
)  # any of the model's without calls: no need to tell them apart
# What makes a part something, beside its text.
PART_CONTENTS = (
    *PART_DATA[1:],
    "thoughtSignature",
    "thought",
    "videoMetadata",
    "audioTranscription",
)
GEMINI_ROLES = frozenset(("user", "model", "function"))  # the last is of older clients


class GeminiDeclaration(NamedTuple):
    """A function that a request declares: the path to it, and what it says."""

    path: str
    value: Dict[str, Any]


class GeminiView:
    """A request: the case, its body, and what its contents are.

    Contents of the model that follow each other are one turn, for the SDKs send the pieces of a
    stream back like that (verified with google-genai 3.6.1); so are results that follow each other,
    which the Gemini API takes in a content each (recorded), but not Vertex AI
    (docker/docker-agent#2958).  `asked` is the last content that is more than results of calls,
    `signed` the places of calls that have a signature."""

    __slots__ = (
        *("case", "body", "settings", "contents", "turns", "asked", "signed", "roles", "empty"),
        *("blank", "calls", "declared"),
    )

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body: Dict[str, Any] = case.body
        self.settings = proto_object_at(self.body, "generationConfig")
        self.turns: List[TalkTurn] = []
        self.asked = -1
        self.signed: Set[Tuple[int, int]] = set()
        self.roles: List[Tuple[int, str]] = []  # that are none
        self.empty: List[int] = []  # contents without parts
        self.blank: List[Tuple[int, int, bool]] = []  # parts without data, or with an empty text
        self.calls = False  # whether there are any calls or results of functions
        self.declared: List[GeminiDeclaration] = []
        if self.body.get("tools"):
            self.declared = list(self.declarations())
        self.contents = listed(self.body.get("contents"))
        for index, content in enumerate(self.contents):
            if type(content) is dict:
                self.read(index, content)

    def read(self, index: int, content: Dict[str, Any]) -> None:
        """Find what one content is."""
        role = content.get("role")
        if type(role) is not str or role not in GEMINI_ROLES:
            self.roles.append((index, role if isinstance(role, str) else ""))
        parts = content.get("parts")
        if not parts:
            self.empty.append(index)
        turn: Optional[TalkTurn] = None
        results = 0
        for at, part in enumerate(parts if type(parts) is list else listed(parts)):
            # Nearly all are texts.
            if type(part) is not dict or part.get("text"):
                continue
            mark = self.mark(index, at, part)
            if mark is None:
                continue
            self.calls = True
            if turn is None:
                turn = TalkTurn("model" if role == "model" else "user", index)
            if "functionCall" in part or "function_call" in part:
                turn.calls.append(mark)
            else:
                turn.results.append(mark)
                results += 1
        if role == "model":
            self.of_model(index, turn)
            return
        self.of_user(turn or PLAIN_TURN)
        if not results or results < len(listed(parts)):
            self.asked = index

    def of_user(self, turn: TalkTurn) -> None:
        """A content of the user's; its results may go on with those before."""
        last = self.turns[-1] if self.turns else PLAIN_TURN
        goes_on = bool(turn.results and last.results) and last.role == "user"
        if goes_on and self.case.wire.provider == "gemini":
            last.results += turn.results
        else:
            self.turns.append(turn)

    def of_model(self, index: int, turn: Optional[TalkTurn]) -> None:
        """A content of the model's, which goes on with the turn before if that is the model's."""
        last = self.turns[-1] if self.turns else None
        if last is None or last.role != "model":
            self.turns.append(turn or GEMINI_MODEL_TURN)
        elif last is GEMINI_MODEL_TURN:
            self.turns[-1] = turn or GEMINI_MODEL_TURN
        else:
            last.last = index
            if turn is not None:
                last.calls += turn.calls
                last.results += turn.results

    def mark(self, index: int, at: int, part: Dict[str, Any]) -> Optional[ToolMark]:
        """The call or the result that a part is; None for any other, of which those without data
        are noted."""
        call = pick(part, "functionCall")
        if call is not None:
            if pick(part, "thoughtSignature"):
                self.signed.add((index, at))
            return ToolMark(text_at(call, "name"), index, at)
        result = pick(part, "functionResponse")
        if result is not None:
            return ToolMark(text_at(result, "name"), index, at)
        if all(pick(part, name) is None for name in PART_CONTENTS):
            self.blank.append((index, at, part.get("text") == ""))
        return None

    def declarations(self) -> Iterator[GeminiDeclaration]:
        """The functions that are declared."""
        for index, tool in indexed_objects(listed(self.body.get("tools"))):
            functions = listed(pick(tool, "functionDeclarations"))
            for at, function in indexed_objects(functions):
                yield GeminiDeclaration(f"tools[{index}].function_declarations[{at}]", function)

    def hosted(self) -> List[str]:
        """Names of the host's own tools, as its paths have them."""
        found = []
        for _, tool in indexed_objects(listed(self.body.get("tools"))):
            found += [name for name, there in GOOGLES_OWN_TOOLS if pick(tool, there) is not None]
        return found


# Those that no older model takes together with functions.
GOOGLES_OWN_TOOLS = (
    ("google_search", "googleSearch"),
    ("google_search_retrieval", "googleSearchRetrieval"),
    ("code_execution", "codeExecution"),
    ("url_context", "urlContext"),
    ("google_maps", "googleMaps"),
)


def proto_object_at(value: Dict[str, Any], name: str) -> Dict[str, Any]:
    """A member by either name; empty where it is no object."""
    found = pick(value, name)
    return found if isinstance(found, dict) else {}
