"""The house rules that a syntax tree can tell, whatever files the sources are in."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Iterator, Tuple, Union

import pytest

import mock_server as m

PROGRAM = Path(str(m.__file__))
FILES = sorted(PROGRAM.parent.rglob("*.py")) if PROGRAM.name == "__init__.py" else [PROGRAM]
Definition = Union[ast.FunctionDef, ast.ClassDef]


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name)
def tree(request: pytest.FixtureRequest) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(request.param.read_text(encoding="utf-8"))


def definitions(tree: ast.Module) -> Iterator[Tuple[str, Definition]]:
    """What a file defines and its classes have, without what is within functions."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef):
                yield f"{node.name}.{inner.name}", inner


def test_everything_public_is_documented(tree: ast.Module) -> None:
    assert ast.get_docstring(tree) or not tree.body
    bare = []
    for name, node in definitions(tree):
        private = name.rpartition(".")[2].startswith("_")
        if not private and not ast.get_docstring(node):
            bare.append(name)
    assert bare == []


def test_every_function_is_annotated(tree: ast.Module) -> None:
    bare = []
    for name, node in definitions(tree):
        if isinstance(node, ast.FunctionDef) and not node.returns:
            bare.append(name)
    assert bare == []


def imports(tree: ast.Module) -> Iterator[str]:
    """The modules that a file imports from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python does not know its own modules")
def test_only_the_standard_library_is_imported(tree: ast.Module) -> None:
    found = {name.partition(".")[0] for name in imports(tree)}
    assert found <= set(sys.stdlib_module_names)


def test_no_exception_is_caught_without_its_name(tree: ast.Module) -> None:
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert [node.lineno for node in handlers if node.type is None] == []
