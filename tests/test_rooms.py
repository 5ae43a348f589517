"""The house rules: what holds for every room of src/mock_server/, and that they are welded.

`python3 tests/test_rooms.py` writes the map of rooms in CONTRIBUTING.md anew.
"""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
from collections import defaultdict
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple

import pytest
from rooms import OLDEST_READER, ROOT, Room, all_rooms, defined, read_rooms

CONTRIBUTING = ROOT / "CONTRIBUTING.md"

# A room imports from its own layer and those above it.
LAYERS = {
    "words": [
        "limits",
        "errors",
        "secrets",
        "key_places",
        "key_lines",
        "keys",
        "records",
        "trimming",
    ],
    "JSON": ["jsons", "ids", "node", "sizes"],
    "options": [
        *("credential_pairs", "option_kinds", "options_together", "options"),
        "environment",
    ],
    "values": [
        "forms",
        "histories",
        "marks",
        "deliveries",
        "values",
        "issuing",
        "outcomes",
        "prometheus",
        "state",
        "violations",
    ],
    "framings": ["framings"],
    "HTTP as values": [
        *("http", "sigv4", "bodies", "codings", "steps", "plans", "pacing", "faults", "transport"),
    ],
    "wire formats": ["formats/*", "routing"],
    "rules": ["rules/*"],
    "mocks": ["mocks/*"],
    "recordings": ["gates", "recording/*"],
    "what was asked": ["kept", "entries", "counters", "journal", "nearly", "suggestion"],
    "request to response": [
        *("withheld", "answered", "guard", "inspector", "admission", "control_requests"),
        *("retold", "operations", "control_journal"),
        *("control", "schema", "writing", "storing", "memory", "repeats", "brought"),
        *("judging", "unowned", "passing", "weighing", "answering"),
    ],
    "importing": ["importing/*"],
    "sockets": [
        *("sockets", "loop", "workers", "tls", "log", "channel", "intake", "handshake"),
        *("connection", "listener", "core", "callers", "dict_types", "session_methods", "server"),
    ],
    "command line": ["usage", "completions", "cli", "pytest_plugin", "__main__"],
}


def layer(name: str) -> int:
    """The number of a room's layer."""
    found = [
        at
        for at, patterns in enumerate(LAYERS.values())
        if any(fnmatchcase(name, one) for one in patterns)
    ]
    assert found, f"{name} has no layer: give it one in LAYERS of tests/test_rooms.py"
    return found[0]


def imports(room: Room) -> Iterator[Tuple[ast.stmt, str, int, List[ast.alias]]]:
    """Each import of a room, wherever it stands: statement, module, dots before that, names."""
    for node in room.nodes:
        if isinstance(node, ast.Import):
            yield node, "", 0, node.names
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or "", node.level, node.names


def above(room: Room, rooms: Sequence[Room]) -> Set[str]:
    """The rooms that a room imports from."""
    names = {one.name for one in rooms}
    found = set()
    for _, module, level, aliases in imports(room):
        if level:
            base = "/".join(room.name.split("/")[:-level] + (module.split(".") if module else []))
            found |= (
                {base}
                if base in names
                else {f"{base}/{alias.name}".lstrip("/") for alias in aliases}
            )
    return found


def circle(rooms: Sequence[Room]) -> List[str]:
    """Rooms that import each other, the first again at the end; none is an empty list."""
    edges = {room.name: above(room, rooms) for room in rooms}
    while edges:
        free = [name for name, needs in edges.items() if not needs & set(edges)]
        if not free:
            path = [min(edges)]
            while path[-1] not in path[:-1]:
                path.append(min(edges[path[-1]] & set(edges)))
            return path[path.index(path[-1]) :]
        for name in free:
            del edges[name]
    return []


def clashes(rooms: Sequence[Room]) -> List[str]:
    """Names that would mean two things in the one file, or in the package, which has its rooms."""
    owners: Dict[str, Set[str]] = defaultdict(set)
    for room in rooms:
        for name in defined(room):
            owners[name].add(f"in {room.name}")
        for node, module, level, aliases in imports(room):
            if not level and node in room.tree.body:
                where = f"by Python's {module}" if module else "by Python"
                for alias in aliases:
                    owners[alias.name.partition(".")[0]].add(where)
    for room in rooms:
        if "/" not in room.name and any(where.startswith("in ") for where in owners[room.name]):
            owners[room.name].add("as a room")
    return [
        f"{name} is defined {' and '.join(sorted(where))}"
        for name, where in owners.items()
        if len(where) > 1
    ]


def renamings(rooms: Sequence[Room]) -> List[str]:
    """Imports at the top of a room that the one file can't have: under another name."""
    return [
        f"{room.name} imports {alias.name} as {alias.asname}"
        for room in rooms
        for node, _, level, aliases in imports(room)
        for alias in aliases
        if alias.asname and (level or node in room.tree.body)
    ]


# === Layers ==================================================================


def test_every_room_says_what_it_owns() -> None:
    assert [room.name for room in all_rooms() if not re.match(r"[A-Z`].+\.", room.doc, re.S)] == []


def test_every_layer_names_rooms_that_are_there() -> None:
    named = [one for patterns in LAYERS.values() for one in patterns]
    names = [room.name for room in all_rooms()]
    assert [one for one in named if not any(fnmatchcase(name, one) for name in names)] == []


def test_no_room_is_a_drawer_for_everything() -> None:
    assert [
        room.name for room in all_rooms() if re.search("util|helper|common|misc", room.name)
    ] == []


def test_imports_run_downwards_only() -> None:
    wrong = [
        f"{room.name} imports {other}, which stands below it"
        for room in all_rooms()
        for other in sorted(above(room, all_rooms()))
        if layer(other) > layer(room.name)
    ]
    assert wrong == []


def test_no_rooms_import_each_other() -> None:
    assert circle(all_rooms()) == []


def test_imports_of_rooms_stand_at_the_top() -> None:
    wrong = [
        f"{room.name}:{node.lineno}"
        for room in all_rooms()
        for node, _, level, _ in imports(room)
        if level and node not in room.tree.body
    ]
    assert wrong == []


def test_no_name_is_in_two_rooms_or_hides_a_room() -> None:
    assert clashes(all_rooms()) == []


def test_no_import_renames() -> None:
    assert renamings(all_rooms()) == []


def test_rooms_that_compute_touch_no_socket_clock_file_or_thread() -> None:
    world = {
        "socket",
        "select",
        "signal",
        "queue",
        "threading",
        "subprocess",
        "os",
        "pathlib",
        "time",
    }
    computing = [*list(LAYERS)[: list(LAYERS).index("mocks")], "request to response"]
    allowed = {
        ("ids", "time"),
        ("formats/runs", "os"),
        ("memory", "threading"),
        ("state", "threading"),
        ("option_kinds", "os"),
        ("inspector", "pathlib"),
    }
    found = {
        (room.name, (module or alias.name).partition(".")[0])
        for room in all_rooms()
        if list(LAYERS)[layer(room.name)] in computing
        for _, module, level, aliases in imports(room)
        if not level
        for alias in aliases
    }
    assert {(room, module) for room, module in found if module in world} <= allowed


def test_no_room_is_long() -> None:
    assert {
        room.name: lines for room in all_rooms() for lines in [room.text.count("\n")] if lines > 450
    } == {}


# === Style ===================================================================


@lru_cache(None)
def tokens(name: str) -> List[tokenize.TokenInfo]:
    """Those of a room."""
    [text] = [room.text for room in all_rooms() if room.name == name]
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def documentation(room: Room) -> Set[int]:
    """The lines of all docstrings."""
    found: Set[int] = set()
    for node in room.nodes:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            found |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return found


NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


@lru_cache(None)
def code_lines(name: str) -> Set[int]:
    """The numbers of lines with code: without docstrings, comments and empty lines."""
    found: Set[int] = set()
    for token in tokens(name):
        if token.type not in NO_CODE:
            found |= set(range(token.start[0], token.end[0] + 1))
    [room] = [room for room in all_rooms() if room.name == name]
    return found - documentation(room)


def total() -> int:
    """How many lines of code there are in all rooms."""
    return sum(len(code_lines(room.name)) for room in all_rooms())


def length(room: Room, node: Any) -> int:
    """How many lines of code a function or a class has, decorators and signature among them."""
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return len(code_lines(room.name) & set(range(first, node.end_lineno + 1)))


def functions(room: Room) -> Iterator[Tuple[str, ast.FunctionDef]]:
    """The functions and methods of a room, each with the place to look for it."""
    for node in room.nodes:
        if isinstance(node, ast.FunctionDef):
            yield f"{room.name}:{node.lineno} {node.name}", node


BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)


def depth(node: ast.AST) -> int:
    """How deep blocks stand in each other in a function; elif is no deeper than its if."""
    deepest = 0
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else []:
            if isinstance(child, (ast.stmt, ast.ExceptHandler)) and not isinstance(
                child, (ast.FunctionDef, ast.ClassDef)
            ):
                chained = isinstance(node, ast.If) and field == "orelse" and len(node.orelse) == 1
                level = isinstance(child, BLOCKS) and not (chained and isinstance(child, ast.If))
                deepest = max(deepest, depth(child) + level)
    return deepest


def test_functions_are_short() -> None:
    found = {
        place: lines
        for room in all_rooms()
        for place, node in functions(room)
        for lines in [length(room, node)]
    }
    assert {place: lines for place, lines in found.items() if lines > 40} == {}
    assert sorted(found.values())[len(found) // 2] <= 8


def test_functions_are_flat() -> None:
    found = {place: depth(node) for room in all_rooms() for place, node in functions(room)}
    assert {place: levels for place, levels in found.items() if levels > 3} == {}


def test_functions_have_few_branches() -> None:
    ways = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler)
    found = {
        place: sum(isinstance(one, ways) for one in ast.walk(node))
        for room in all_rooms()
        for place, node in functions(room)
    }
    assert {place: branches for place, branches in found.items() if branches > 12} == {}


def test_wire_formats_are_small() -> None:
    found = {
        (room.name, node.name): length(room, node)
        for room in all_rooms()
        if room.name.startswith("formats/")
        for node in room.tree.body
        if isinstance(node, ast.ClassDef)
    }
    allowed = {("formats/base", "WireFormat"): 150}
    assert {place: lines for place, lines in found.items() if lines > allowed.get(place, 80)} == {}


def test_conditional_expressions_are_rare() -> None:
    found = sum(isinstance(node, ast.IfExp) for room in all_rooms() for node in room.nodes)
    assert found <= 2 * total() / 100, (
        f"{found} in {total()} lines of code are {100 * found / total():.1f} in 100"
    )


def test_comments_are_neither_rare_nor_many() -> None:
    found = sum(one.type == tokenize.COMMENT for room in all_rooms() for one in tokens(room.name))
    assert 5 <= 100 * found / total() <= 15, f"{found} in {total()} lines of code"


def test_no_line_is_long() -> None:
    long = [
        f"{room.name}:{number}"
        for room in all_rooms()
        for number, line in enumerate(room.text.split("\n"), 1)
        if len(line) > 100
    ]
    assert long == []


@pytest.mark.parametrize(
    "name", ["src/mock_server/__init__.py", "src/weld.py", "convert_to_gzip.py"]
)
def test_what_users_start_is_read_by_old_pythons_too(name: str) -> None:
    # Its own words are better than a SyntaxError.  The rooms have been read so.
    ast.parse((ROOT / name).read_text("utf-8"), feature_version=OLDEST_READER)


# === The weld ================================================================


def weld(folder: Path, *arguments: str) -> Tuple[int, str, str]:
    """Run the src/weld.py of a folder: its status, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, str(folder / "src" / "weld.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def house(folder: Path, **rooms: str) -> Path:
    """A folder with src/weld.py and these rooms."""
    (folder / "src" / "mock_server").mkdir(parents=True)
    shutil.copy(str(ROOT / "src" / "weld.py"), str(folder / "src"))
    for name, code in {"__init__": "import sys\n\nfrom .__main__ import run\n", **rooms}.items():
        text = f'"""Room {name}."""\n\nfrom __future__ import annotations\n\n{code}'
        (folder / "src" / "mock_server" / f"{name}.py").write_text(text, "utf-8")
    return folder


def test_the_one_file_is_what_the_rooms_make() -> None:
    assert weld(ROOT, "--check") == (0, "", "")


def test_the_weld_is_small() -> None:
    assert len((ROOT / "src" / "weld.py").read_text("utf-8").split("\n")) <= 81


def test_a_stale_file_is_found(tmp_path: Path) -> None:
    folder = house(tmp_path, __main__="A = 1\n")
    assert weld(folder) == (0, "", "") and weld(folder, "--check") == (0, "", "")
    (folder / "mock_server.py").write_text("# changed by hand\n", "utf-8")
    assert weld(folder, "--check") == (
        1,
        "",
        "mock_server.py is not what the rooms make: run python3 src/weld.py\n",
    )


def test_the_one_file_reads_as_if_written_by_hand(tmp_path: Path) -> None:
    folder = house(
        tmp_path,
        b="import json\nimport sys\nfrom typing import TYPE_CHECKING, Any\n\n"
        'if TYPE_CHECKING:\n    import ssl\n\nB: Any = "b"\n',
        __main__="import gc\nfrom typing import Any, List\n\nfrom .b import B\n\n\n"
        "def run() -> None:\n    pass\n",
    )
    weld(folder)
    assert (folder / "mock_server.py").read_text("utf-8").split("\n") == [
        "#!/usr/bin/env python3",
        '"""Room __init__."""',
        "",
        "from __future__ import annotations",
        "",
        "import sys",
        "",
        "import gc",
        "import json",
        "from typing import TYPE_CHECKING, Any, List",
        "",
        "if TYPE_CHECKING:",
        "    import ssl",
        "",
        "",
        "# === b =======================================================================",
        "# Room b.",
        "",
        "",
        'B: Any = "b"',
        "",
        "",
        "# === __main__ ================================================================",
        "# Room __main__.",
        "",
        "",
        "def run() -> None:",
        "    pass",
        "",
    ]


def test_every_line_of_the_one_file_has_a_place(tmp_path: Path) -> None:
    asset = 'PAGE = Path(__file__).with_name("page.html").read_text("utf-8")'
    code = f"from pathlib import Path\n\n{asset}\nA = 1\n"
    folder = house(tmp_path, a=code, __main__="from .a import A\n\n\nB = A\n")
    (folder / "src" / "mock_server" / "page.html").write_text("<p>\nof two lines\n", "utf-8")
    weld(folder)
    lines = (folder / "mock_server.py").read_text("utf-8").split("\n")
    places = {'PAGE = r"""<p>': "a.py:7", "of two lines": "a.py:7", "A = 1": "a.py:8"}
    for text, place in {**places, "B = A": "__main__.py:8"}.items():
        said = weld(folder, "--where", str(lines.index(text) + 1))[1]
        assert said == f"src/mock_server/{place}\n", text
    for wrong in (["--where", "0"], ["--chek"]):
        usage = f"usage: weld.py [--check | --where N], N from 1 to {len(lines) - 1}\n"
        assert weld(folder, *wrong) == (1, "", usage)


def test_every_room_is_in_the_one_file_once() -> None:
    banners = re.findall(r"^# === (\S+) =+$", (ROOT / "mock_server.py").read_text("utf-8"), re.M)
    assert sorted(banners) == [room.name for room in all_rooms()]


def test_the_one_file_needs_no_file_beside_it() -> None:
    text = (ROOT / "mock_server.py").read_text("utf-8")
    assert re.findall(r"(?m)^ *(?:from|import) \..*", text) == []


def test_a_room_without_a_docstring_is_refused_and_named(tmp_path: Path) -> None:
    folder = house(tmp_path, a="A = 1\n", __main__="from .a import A\n\nB = A\n")
    (folder / "src" / "mock_server" / "a.py").write_text("A = 1\n", "utf-8")
    assert weld(folder) == (1, "", "a begins as no room does\n")


def test_a_circle_is_refused_and_named(tmp_path: Path) -> None:
    folder = house(
        tmp_path,
        a="from .b import B\n\nA = 1\n",
        b="from .a import A\n\nB = 1\n",
        __main__="from .a import A\n\nC = A\n",
    )
    assert weld(folder) == (1, "", "a circle of rooms: __main__ imports a imports b imports a\n")
    assert circle(read_rooms(folder / "src" / "mock_server")) == ["a", "b", "a"]


def test_a_name_in_two_rooms_is_refused_and_both_are_named(tmp_path: Path) -> None:
    folder = house(
        tmp_path,
        a="import json\n\nA = b = 1\n",
        b="def A() -> None:\n    pass\n",
        c="from a import json\n\nfor A2 in (1, 2):\n    json = A2\n",
    )
    assert sorted(clashes(read_rooms(folder / "src" / "mock_server"))) == [
        "A is defined in a and in b",
        "b is defined as a room and in a",
        "json is defined by Python and by Python's a and in c",
    ]


def test_an_import_under_another_name_is_refused(tmp_path: Path) -> None:
    folder = house(tmp_path, a="A = 1\n", b="import json as j\n\nfrom .a import A as B\n\nC = B\n")
    assert renamings(read_rooms(folder / "src" / "mock_server")) == [
        "b imports json as j",
        "b imports A as B",
    ]


# === The map =================================================================


def drawn_map() -> str:
    """The table of rooms in CONTRIBUTING.md, from what they say themselves."""
    lines = ["| layer | room | what it owns |", "| --- | --- | --- |"]
    for number, title in enumerate(LAYERS):
        for room in all_rooms():
            if layer(room.name) == number:
                words = " ".join(room.doc.split("\n\n")[0].split())
                lines.append(f"| {title} | `{room.name}` | {words} |")
                title = ""
    return "\n".join(lines) + "\n"


MAP = re.compile(r"\| layer \| room \|.*?\n(?!\|)", re.S)


def test_contributing_has_the_map_of_the_rooms() -> None:
    found = MAP.search(CONTRIBUTING.read_text("utf-8"))
    assert found and found.group() == drawn_map(), "python3 tests/test_rooms.py writes it anew"


if __name__ == "__main__":
    CONTRIBUTING.write_text(
        MAP.sub(lambda _: drawn_map(), CONTRIBUTING.read_text("utf-8")), "utf-8"
    )
