"""The README and docs/: no block that nothing runs.  What runs them is in test_mock_server.py."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import List

from pages import CURL, PAGES, ROOT, RUN_BY, chapter, page

from mock_server import MockServer

BLOCK = re.compile(r"^```(\w*)\n(.+?)\n```$", re.S | re.M)
STARTS = re.compile(r"(python3 mock_server\.py .+\n?)+")


def left_over(text: str) -> List[str]:
    """The languages of a page's blocks that the tests of all pages do not run."""
    found = BLOCK.findall(CURL.sub("", text))
    return [language for language, block in found if not STARTS.fullmatch(block)]


def test_each_block_is_run_by_the_tests_of_all_pages_or_by_one_that_is_named() -> None:
    for name, text in PAGES.items():
        found = Counter(left_over(text))
        if (name, "json") not in RUN_BY:
            del found["json"]  # it is added as a mock
        named = {language: RUN_BY[at][0] for at in RUN_BY for language in at[1:] if at[0] == name}
        assert dict(found) == named, f"{name}: blocks without a test, or RUN_BY of pages.py is old"


def test_the_tests_that_are_named_are_there() -> None:
    assert [file for _, file in RUN_BY.values() if not (ROOT / file).is_file()] == []


def test_what_becomes_of_another_servers_mocks_are_mocks(server: MockServer) -> None:
    """Each stands in a row of a table; what names a file needs that file."""
    rows = chapter(page("how-do-i"), "## Move from another mock")
    mocks = [json.loads(mock) for mock in re.findall(r"`(\{.+?\})`", rows) if "@" not in mock]
    assert len(mocks) == 7
    for mock in mocks:
        server.mock(**mock)
