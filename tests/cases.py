"""Tables of cases that are one test: of thousands of small ones, pytest's own work for a test takes
longer than the case."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Iterable, List, Tuple

import pytest


def shown_case(names: List[str], row: Tuple[Any, ...]) -> str:
    """A case as it is named where it fails."""
    told = (getattr(value, "__name__", None) or repr(value) for value in row)
    return ", ".join(f"{name}={value[:200]}" for name, value in zip(names, told))


def cases(names: str, rows: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `pytest.mark.parametrize`, for a test without fixtures.  All cases are tried; the error
    names those that fail, and is from the first of them."""
    listed = [name.strip() for name in names.split(",")]
    table = [tuple(row) if len(listed) > 1 else (row,) for row in rows]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**outer: Any) -> None:
            failed = []
            for row in table:
                try:
                    test(**dict(zip(listed, row)), **outer)
                except (Exception, pytest.fail.Exception) as error:
                    failed.append((shown_case(listed, row), error))
            if failed:
                told = "\n  ".join(case for case, _ in failed)
                counted = f"{len(failed)} of {len(table)} cases fail"
                raise AssertionError(f"{counted}:\n  {told}") from failed[0][1]

        # pytest takes what is left for fixtures; another table may give it.
        own = inspect.signature(test)
        left = [one for one in own.parameters.values() if one.name not in listed]
        run.__signature__ = own.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate
