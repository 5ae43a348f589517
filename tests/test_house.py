"""The house rules that the syntax tree of any room can tell."""

from __future__ import annotations

import ast
import itertools
import sys
from functools import lru_cache
from typing import Dict, Iterator, List, Tuple, Union

import pytest
from rooms import ROOMS, all_rooms

# The one file is made of the rooms, as test_rooms.py holds.
Definition = Union[ast.FunctionDef, ast.ClassDef]


@lru_cache(None)
def trees() -> Dict[str, ast.Module]:
    """The rooms' syntax trees, and the package's."""
    of_package = ast.parse((ROOMS / "__init__.py").read_text("utf-8"))
    return {**{room.name: room.tree for room in all_rooms()}, "__init__": of_package}


@lru_cache(None)
def nodes_by_room() -> Dict[str, List[ast.AST]]:
    """All that is in them."""
    of_package = list(ast.walk(trees()["__init__"]))
    return {**{room.name: room.nodes for room in all_rooms()}, "__init__": of_package}


def definitions(tree: ast.Module) -> Iterator[Tuple[str, Definition]]:
    """What a file defines and its classes have, without what is within functions."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef):
                yield f"{node.name}.{inner.name}", inner


def test_everything_public_is_documented() -> None:
    bare = [name for name, tree in trees().items() if not ast.get_docstring(tree)]
    for room, tree in trees().items():
        for name, node in definitions(tree):
            private = name.rpartition(".")[2].startswith("_")
            if not private and not ast.get_docstring(node):
                bare.append(f"{room}: {name}")
    assert bare == []


def test_every_function_is_annotated() -> None:
    bare = []
    for room, tree in trees().items():
        for name, node in definitions(tree):
            if isinstance(node, ast.FunctionDef) and not node.returns:
                bare.append(f"{room}: {name}")
    assert bare == []


def imports() -> Iterator[str]:
    """The modules that rooms import from elsewhere."""
    for node in itertools.chain.from_iterable(nodes_by_room().values()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python does not know its own modules")
def test_only_the_standard_library_is_imported() -> None:
    # pytest is asked by its own plugin, which only it starts.
    known = {*sys.stdlib_module_names, "pytest"}
    assert {name.partition(".")[0] for name in imports()} <= known


def test_no_exception_is_caught_without_its_name() -> None:
    bare = [
        f"{room}:{node.lineno}"
        for room, nodes in nodes_by_room().items()
        for node in nodes
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []
