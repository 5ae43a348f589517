"""Errors of a program that uses the server, told in few lines: the caller's own, and one of ours.

Touches nothing."""

from __future__ import annotations

import functools
from typing import Any, Callable, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])
# What a caller did wrong, or asked for and did not get.  With another the whole way is told.
CALLERS = (ValueError, KeyError, AssertionError, OSError, RuntimeError)


def brief(method: Method) -> Method:
    """The same method, whose errors hide how far inside they came up."""

    @functools.wraps(method)
    def told_briefly(*arguments: Any, **more: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the test's line instead of this one
        try:
            return method(*arguments, **more)
        except CALLERS as error:
            raise error.with_traceback(None) from None

    return cast(Method, told_briefly)
