"""The pytest plugin: the fixture `llm`, for each test a session of its own of one server.

Installed, the package names this room as a plugin; the file is one itself, for a conftest.py
with `pytest_plugins = ["mock_server"]`.  Neither imports pytest by itself, nor is there a server
before a test needs one.  PYTEST_DONT_REWRITE: nothing is asserted here."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from types import ModuleType
from typing import Any, Dict, Iterator

LLM_PLUGIN = "mock_llm"  # so pytest calls it, whoever brings it
LLM_KEYWORDS = ("unused", "unmatched", "invalid")
LLM_MARKER = (
    "llm(unused=True, unmatched=True, invalid=False): what the fixture llm looks for at the end of "
    "a test, as llm.verify() does"
)
LLM_HINT = (
    "(The fixture llm looks for this at the end of a test that has passed; a call of llm.verify() "
    "in it, or @pytest.mark.llm(unused=False), says otherwise.)"
)
LLM_NUMBERS = itertools.count(1)
LLM_SESSIONS: Dict[Any, Any] = {}  # of tests that are running


def pytest_configure(config: Any) -> None:
    """Bring the fixtures, unless somebody has brought them: the package and a copy of the file may
    both be there."""
    plugins = config.pluginmanager
    if not plugins.has_plugin(LLM_PLUGIN):
        config.addinivalue_line("markers", LLM_MARKER)
        plugins.register(llm_plugin(), LLM_PLUGIN)


def llm_plugin() -> ModuleType:
    """What pytest is given: a module of the fixtures and hooks, which only pytest can make."""
    import pytest

    plugin = ModuleType(LLM_PLUGIN)
    vars(plugin).update(
        llm=pytest.fixture()(llm),
        llm_server=pytest.fixture(scope="session")(llm_server),
        llm_options=pytest.fixture(scope="session")(llm_options),
        # The last of those that are asked to run a test, and only if it has passed.
        pytest_runtest_call=pytest.hookimpl(trylast=True)(check_leftovers),
        # Before the report is made, which can't be added to later.
        pytest_runtest_makereport=pytest.hookimpl(tryfirst=True)(tell_leftovers),
    )
    return plugin


def llm_options() -> Dict[str, Any]:
    """Options of the server, as MockServer takes them; a fixture of that name in a conftest.py
    stands in place of this one."""
    return {}


def llm_server(llm_options: Dict[str, Any]) -> Iterator[Any]:
    """The server that all tests share, from when the first one needs it to the end."""
    import pytest

    home = re.sub(r"\.pytest_plugin$", "", __name__)  # the package, or the file
    try:
        server = importlib.import_module(home).MockServer(**llm_options)
    except (TypeError, ValueError, OSError) as error:
        pytest.fail(f"llm_options: {error}", pytrace=False)
    with server:
        yield server


def llm(request: Any, llm_server: Any) -> Iterator[Any]:
    """A session for one test, with an address, mocks and a journal of its own.  At its end the
    test fails for a request that no mock answered and for a mock that was never used, unless it has
    called llm.verify() itself."""
    item = request.node
    check_marker(item)
    session = llm_server.session(name_of_session(item.name, next(LLM_NUMBERS)))
    LLM_SESSIONS[item] = session
    try:
        yield session
    finally:
        LLM_SESSIONS.pop(item, None)
        session.reset()


def check_leftovers(item: Any) -> None:
    """Have a test fail that has passed, for what it has left over."""
    import pytest

    session = LLM_SESSIONS.get(item)
    if session is None or session.operations.is_verified:
        return
    left = leftovers_of(session, item)
    if left:
        del LLM_SESSIONS[item]
        pytest.fail(f"{left}\n{LLM_HINT}", pytrace=False)


def tell_leftovers(item: Any, call: Any) -> None:
    """Tell of a test that has failed by itself which requests no mock had answered: that is often
    why."""
    session = LLM_SESSIONS.get(item)
    if session is None or call.when != "call" or call.excinfo is None:
        return
    left = leftovers_of(session, item, unused=False)
    if left:
        item.add_report_section("call", "llm", left)


def asked_by_marker(item: Any) -> Dict[str, Any]:
    """What a test's marker says is to be looked for."""
    marker = item.get_closest_marker("llm")
    return dict(marker.kwargs) if marker else {}


def check_marker(item: Any) -> None:
    """Have the test fail at once whose marker says what can't be followed."""
    import pytest

    marker = item.get_closest_marker("llm")
    wrong = [repr(value) for value in marker.args] if marker else []
    for name, value in asked_by_marker(item).items():
        if name not in LLM_KEYWORDS or not isinstance(value, bool):
            wrong.append(f"{name}={value!r}")
    if wrong:
        expected = LLM_MARKER.split(":")[0]
        pytest.fail(f"@pytest.mark.llm: found {wrong[0]}, expected {expected}", pytrace=False)


def leftovers_of(session: Any, item: Any, **more: bool) -> str:
    """What a session has left over, of what a test's marker asks for; empty for nothing."""
    asked = asked_by_marker(item)
    try:
        session.verify(**{**asked, **more})
    except AssertionError as error:
        return "\n".join(f"llm: {line}" for line in str(error).split("\n"))
    return ""


def name_of_session(name: str, number: int) -> str:
    """A name for the session of a test, which no other test has."""
    plain = re.sub("[^A-Za-z0-9_.-]+", "-", name)[:80].strip("-")
    return f"{plain}-{number}"


def room_of_the_file() -> ModuleType:
    """This room, as a module of the file that has it welded in."""
    room: Any = ModuleType(f"{__name__}.pytest_plugin")
    room.pytest_configure = pytest_configure
    return room  # type: ignore[no-any-return]


# The package may be installed, and pytest started where a copy of the file lies: then the file is
# what is imported, and the package's entry point asks it for this room.
if __name__ == "mock_server":
    sys.modules.setdefault(f"{__name__}.pytest_plugin", room_of_the_file())
