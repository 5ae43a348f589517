"""The rooms of src/mock_server/ as syntax trees, read once for all tests of them."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import List, NamedTuple, Set

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ROOT / "src" / "mock_server"
OLDEST_READER = (3, 7)  # a Python that is told what is needed, and not that the syntax is wrong


class Room(NamedTuple):
    """A source file: its name without `.py` from src/mock_server/ on, and what it says."""

    name: str
    text: str
    tree: ast.Module
    nodes: List[ast.AST]  # all of the tree

    @property
    def doc(self) -> str:
        return ast.get_docstring(self.tree) or ""


def read_rooms(folder: Path) -> List[Room]:
    """All rooms of a package; its __init__ files are no rooms."""
    paths = sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")
    rooms = []
    for path in paths:
        text = path.read_text("utf-8")
        # As old Pythons read them, too: those are told in words what is needed.
        tree = ast.parse(text, feature_version=OLDEST_READER)
        name = path.relative_to(folder).with_suffix("").as_posix()
        rooms.append(Room(name, text, tree, list(ast.walk(tree))))
    return rooms


@lru_cache(None)
def all_rooms() -> List[Room]:
    """All of the server's own."""
    return read_rooms(ROOMS)


OWN_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def defined(room: Room) -> Set[str]:
    """The names that a room gives a meaning at its top level, other than by imports."""
    # Not by symtable: since Python 3.13 it takes the names in comprehensions for the module's.
    found: Set[str] = set()
    nodes: List[ast.AST] = [room.tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif not isinstance(node, OWN_NAMES):
            nodes += ast.iter_child_nodes(node)
    return found
