"""Drives the inspector in a real Chromium, against the server as its users start it.

    apt-get install chromium
    python -m pip install -r compat/requirements-inspector.txt && python -m pytest compat/inspector

Where Playwright is not installed nothing of this is collected; where no Chromium is found it is
skipped.  CHROMIUM may name one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from inspected import Server, a_server
from scene import FONTS

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    expect.set_options(timeout=10_000)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag with which the pictures of the docs are taken anew."""
    parser.addoption("--refresh-screenshot", action="store_true", help="write docs/inspector-*.png")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with the mocks of the scene."""
    with a_server(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium, with the fonts of the pictures where they are installed."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("there is no Chromium; CHROMIUM may name one")
    fonts = tmp_path_factory.mktemp("fonts") / "fonts.conf"
    fonts.write_text(FONTS, encoding="utf-8")
    environment: Dict[str, Any] = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"], env=environment
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address in a browser of its own; what the page throws, or asks of others, fails the
    test."""
    contexts = []
    problems: List[str] = []

    def opened(url: str, path: str = "/__mock__/", **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}, "timezone_id": "UTC", **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(f"threw {error}"))
        page.on("dialog", lambda dialog: problems.append(f"said {dialog.message}"))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((url, "data:", "blob:"))
                or problems.append(f"asked for {asked.url}")
            ),
        )
        page.on(
            "console",
            lambda told: (
                "Content Security Policy" in told.text and problems.append(f"said {told.text}")
            ),
        )
        page.goto(url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
