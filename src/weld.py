"""Welds the rooms of src/mock_server/ into the one file mock_server.py.

With --check it only says (exit 1) whether that is stale; with --where N, where its line N is from.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Set, Tuple

ROOMS = Path(__file__).resolve().parent / "mock_server"
WELDED = ROOMS.parent.parent / "mock_server.py"
NOTE = "# Made by src/weld.py from the rooms in src/mock_server/: change those, not this file."
ASSET = re.compile(r'Path\(__file__\)\.with_name\("(.+)"\)\.read_text\("utf-8"\)')
TYPED = "if TYPE_CHECKING:"
Line = Tuple[str, str, int]  # its text, the room that it comes from, its number there
Imports = Dict[str, Set[str]]  # names by module; modules under "", those for types under TYPED


def lines_of(node: ast.stmt) -> Set[int]:
    """The numbers of the lines of a statement."""
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def add_room(room: str, lines: List[Line], imports: Imports, done: Set[str]) -> None:
    """Add the lines of the rooms that a room imports, then its own; collect its other imports."""
    done.add(room)
    text = (ROOMS / f"{room}.py").read_text("utf-8")
    tree = ast.parse(text)
    skipped = lines_of(tree.body[0])
    for node in tree.body:
        typed = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for one in ast.iter_child_nodes(node) if typed else [node]:
            if not isinstance(one, (ast.Import, ast.ImportFrom)):
                continue
            skipped |= lines_of(node)
            names, module = [alias.name for alias in one.names], getattr(one, "module", "") or ""
            if not getattr(one, "level", 0):
                imports[TYPED if typed else module].update(names)
                continue
            for name in [module] if module else names:
                above = "/".join(room.split("/")[: -getattr(one, "level", 1)] + name.split("."))
                if above not in done:
                    add_room(above, lines, imports, done)
    banner = [f"# === {room} ".ljust(79, "="), *(ast.get_docstring(tree) or "").split("\n")]
    lines += [
        (line, room, 1) for line in ["", "", banner[0]] + [f"# {line}" for line in banner[1:]]
    ]
    for number, line in enumerate(text.split("\n"), 1):
        asset = ASSET.search(line)
        if asset:
            page = (ROOMS / room).with_name(asset.group(1)).read_text("utf-8")
            line = line.replace(asset.group(0), f'"""{page}"""')
        if number not in skipped:
            lines += [(part.rstrip(), room, number) for part in line.split("\n")]


def weld() -> List[Line]:
    """The lines of the one file: the head of __init__, one block of imports, the rooms."""
    head = (ROOMS / "__init__.py").read_text("utf-8").partition("\nfrom .")[0].split("\n")
    imports: Imports = defaultdict(set)
    rooms: List[Line] = []
    add_room("__main__", rooms, imports, set())
    typed = [TYPED, *(f"    import {name}" for name in sorted(imports.pop(TYPED, ())))]
    block = [f"import {name}" for name in sorted(imports.pop("") - {"os", "signal", "sys"})]
    for module in sorted(set(imports) - {"__future__"}):
        names = "".join(f"    {name},\n" for name in sorted(imports[module]))
        block += f"from {module} import (\n{names})".split("\n")
    top = ["#!/usr/bin/env python3", *head, NOTE, *block, "", *typed]
    lines = [(line, "__init__", 1) for line in top] + rooms
    texts = [text for text, _, _ in lines]
    return [line for at, line in enumerate(lines) if line[0] or any(texts[max(0, at - 2) : at])]


if __name__ == "__main__":
    lines = weld()
    made = "\n".join(text for text, _, _ in lines).rstrip() + "\n"
    if sys.argv[1:2] == ["--where"]:
        print("src/mock_server/%s.py:%d" % lines[int(sys.argv[2]) - 1][1:])
    elif sys.argv[1:] != ["--check"]:
        WELDED.write_text(made, "utf-8")
    elif WELDED.read_text("utf-8") != made:
        sys.exit("mock_server.py is not what the rooms make; run python3 src/weld.py")
