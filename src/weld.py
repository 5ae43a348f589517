"""Welds the rooms of src/mock_server/ into the one file mock_server.py.

With --check it only says (exit 1) that the file is stale; with --where N, where line N is from."""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Set, Tuple

ROOMS = Path(__file__).resolve().parent / "mock_server"
WELDED = ROOMS.parent.parent / "mock_server.py"
# A room is its docstring, its imports (lines that begin like these, or are empty), and its code.
HEAD = r"(?:(?:from |import |if TYPE_CHECKING:|    |\))[^\n]*\n|\n)*"
ROOM = re.compile(rf'(?s)"""(.+?)"""\n\nfrom __future__ import annotations\n({HEAD})(.+)')
IMPORT = re.compile(r"(?m)^( *)(?:from (\.*)(\S*) )?import (\([^)]*\)|.+)$")
ASSET = re.compile(r'Path\(__file__\)\.with_name\("(.+)"\)\.read_text\("utf-8"\)')
Rooms = Dict[str, List[Tuple[str, str, int]]]  # by name, their lines: text, room, number there
Imports = Dict[Tuple[str, str], Set[str]]  # names by indentation and module; modules under ""


def add_room(room: str, rooms: Rooms, imports: Imports, below: Tuple[str, ...] = ()) -> None:
    """Add the rooms that a room imports, then its own lines; collect its other imports."""
    if room in below:
        sys.exit("a circle of rooms: " + " imports ".join([*below, room]))
    if room in rooms:
        return
    text = (ROOMS / f"{room}.py").read_text("utf-8").rstrip()
    [(docstring, head, code)] = ROOM.findall(text) or sys.exit(f"{room} begins as no room does")
    for indent, dots, module, listed in IMPORT.findall(re.sub("#.*", "", head)):
        names = re.findall(r"[\w.]+", listed)
        if dots:
            above = Path(room).parents[len(dots) - 1].joinpath(*module.split("."))
            for name in names if (ROOMS / above).is_dir() else [""]:
                add_room((above / name).as_posix(), rooms, imports, (*below, room))
        else:
            imports[indent, module].update(names)
    title = f"\n\n=== {room} ".ljust(79, "=") + f"\n{docstring.rstrip()}\n\n"
    lines = rooms[room] = [(f"# {line}" if line else "", room, 1) for line in title.split("\n")]
    for number, line in enumerate(code.split("\n"), text.count("\n") - code.count("\n") + 1):
        asset = ASSET.search(line)
        if asset:
            line = line.replace(asset[0], f'r"""{(ROOMS / asset[1]).read_text("utf-8")}"""')
        lines += [(part, room, number) for part in line.split("\n")]


def import_block(imports: Imports) -> str:
    """One block of imports, sorted and laid out as ruff does it."""
    block = ""
    for (indent, module), found in sorted(imports.items()):
        names = sorted(found, key=lambda name: (not name.isupper(), name))
        line = f"from {module} import {', '.join(names)}"
        if len(line) > 100:
            line = f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)"
        if not module:
            line = "\n".join(f"{indent}import {name}" for name in names)
        block += f"{line}\n"
    return block.replace("\n    import ", "\n\nif TYPE_CHECKING:\n    import ", 1)


if __name__ == "__main__":
    rooms: Rooms = {}
    imports: Imports = defaultdict(set)
    add_room("__main__", rooms, imports)
    head = re.split(r"\n(?:from \.|# === )", (ROOMS / "__init__.py").read_text("utf-8"))[0]
    imports["", ""].difference_update(re.findall(r"(?m)^import (\w+)$", head))
    top = f"#!/usr/bin/env python3\n{head}\n{import_block(imports)}".rstrip().split("\n")
    lines = [(line, "__init__", max(1, at)) for at, line in enumerate(top)]
    lines += [line for room in rooms.values() for line in room]
    made = "".join(f"{text}\n" for text, _, _ in lines).encode()
    places = {f"--where {at}": line[1:] for at, line in enumerate(lines, 1)}
    asked = " ".join(sys.argv[1:])
    if asked in places:
        print("src/mock_server/%s.py:%d" % places[asked])
    elif not asked:
        WELDED.write_bytes(made)
    elif asked != "--check":
        sys.exit(f"usage: weld.py [--check | --where N], N from 1 to {len(lines)}")
    elif WELDED.read_bytes() != made:
        sys.exit("mock_server.py is not what the rooms make: run python3 src/weld.py")
