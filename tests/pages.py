"""The README and the pages of docs/, and what stands in them: blocks, tables, chapters."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
# By path from the root: a page that is new is read, and tested, with the others.
PAGES: Dict[str, str] = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
ALL = "\n".join(PAGES.values())
# A line of curl, and what comes back.
CURL = re.compile(r"^```sh\n(curl .+?)\n```\n```text\n(.+?)\n```$", re.S | re.M)

# What the tests of all pages don't run (JSON that is a mock, a line of curl with what comes back,
# lines that start the server) is run by a test of its own: for a page and a language how many such
# blocks there are, and where their test is.  Whoever adds one adds its test, and counts it here.
RUN_BY: Dict[Tuple[str, str], Tuple[int, str]] = {
    ("README.md", "go"): (1, "tests/test_readme.py"),
    ("README.md", "jsonc"): (1, "tests/test_readme.py"),
    # One of them in compat/gateways/test_judged.py.
    ("README.md", "python"): (3, "tests/test_readme.py"),
    ("README.md", "sh"): (2, "tests/test_readme.py"),
    ("README.md", "text"): (1, "compat/gateways/test_judged.py"),
    ("docs/behind-a-gateway.md", "haproxy"): (1, "compat/gateways/test_page.py"),
    ("docs/behind-a-gateway.md", "nginx"): (1, "compat/gateways/test_page.py"),
    ("docs/behind-a-gateway.md", "python"): (4, "compat/gateways/test_page.py"),
    ("docs/behind-a-gateway.md", "text"): (1, "compat/gateways/test_page.py"),
    ("docs/behind-a-gateway.md", "json"): (1, "compat/gateways/test_page.py"),
    ("docs/behind-a-gateway.md", "yaml"): (2, "compat/gateways/test_page.py"),
    ("docs/command-line.md", "sh"): (1, "test_mock_server.py"),
    ("docs/control-api.md", "python"): (1, "tests/test_retold.py"),
    ("docs/cookbook.md", "python"): (17, "tests/test_cookbook.py"),
    ("docs/credentials.md", "text"): (1, "tests/test_credentials.py"),
    ("docs/editors.md", "json"): (2, "compat/node/editors.test.js"),
    ("docs/editors.md", "sh"): (4, "tests/test_completions.py"),
    ("docs/go.md", "go"): (5, "tests/test_examples.py"),
    ("docs/go.md", "sh"): (2, "tests/test_examples.py"),
    ("docs/go.md", "text"): (1, "tests/test_examples.py"),
    ("docs/kubernetes.md", "sh"): (10, "compat/test_kubernetes.py"),
    ("docs/kubernetes.md", "yaml"): (5, "compat/test_kubernetes.py"),
    ("docs/providers.md", "sh"): (1, "test_mock_server.py"),
    ("docs/python.md", "python"): (11, "tests/test_python_page.py"),
    ("docs/python.md", "text"): (1, "tests/test_python_page.py"),
    ("docs/recording.md", "json"): (2, "tests/test_recording_page.py"),
    ("docs/recording.md", "python"): (1, "tests/test_recording_page.py"),
    ("docs/recording.md", "sh"): (5, "tests/test_recording_page.py"),
    ("docs/recording.md", "text"): (3, "tests/test_recording_page.py"),
    ("docs/responses.md", "sh"): (1, "test_mock_server.py"),
    ("docs/strict.md", "python"): (1, "test_mock_server.py"),
}


def page(name: str) -> str:
    """A page of docs/ by its name."""
    return PAGES[f"docs/{name}.md"]


def chapter(text: str, heading: str) -> str:
    """What stands under a heading, to the next one of its rank or above."""
    rank = len(heading.split(" ")[0])
    found: List[str] = []
    is_inside = is_block = False
    for line in text.split("\n"):
        is_block ^= line.startswith("```")
        if re.match(rf"#{{1,{rank}}} ", line) and not is_block:
            is_inside = line == heading
        elif is_inside:
            found.append(line)
    assert found, heading
    return "\n".join(found)


def table(name: str, heading: str) -> List[List[str]]:
    """The rows of the one table of a page whose first heading is this, each as its cells."""
    _, found = page(name).split(f"\n| {heading} |")
    lines = found.split("\n")[2:]
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows]


def words(cell: str) -> List[str]:
    """The code words of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(name: str, heading: str) -> List[str]:
    """The first code word of each row of a table."""
    return [words(row[0])[0] for row in table(name, heading)]


def blocks(language: str, text: str = ALL) -> List[str]:
    """A text's blocks in a language."""
    return re.findall(rf"^```{language}\n(.+?)\n```$", text, re.S | re.M)


def without_blocks(text: str) -> str:
    """A text without its blocks."""
    return re.sub(r"^```.+?^```$", "", text, flags=re.S | re.M)


def mocks_of_pages() -> List[str]:
    """The mocks that the pages show."""
    texts = [text for name, text in PAGES.items() if (name, "json") not in RUN_BY]
    return blocks("json", "\n".join(texts))


def is_printed(printed: str, out: str) -> bool:
    """Whether a page says what came: all of it, or its beginning and a line with an ellipsis."""
    if printed.endswith("\n…"):
        return out.startswith(printed[: -len("\n…")])
    return out.rstrip() == printed.rstrip()
