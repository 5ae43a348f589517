"""Every gateway in front of the server: what comes through it is what its table says, no less and
no more.  Skipped where a gateway is not installed; GATEWAYS=nginx,envoy asks for these alone, and
fails without them."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator

import pytest
from checks import GROUPS, mocks
from harness import SAME, Gateway, Seen, Site, compare, installed
from rows import GATEWAYS


@pytest.fixture(scope="module", params=GATEWAYS, ids=lambda gateway: gateway.name)
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """One after the other."""
    one: Gateway = request.param
    installed(one)
    return one


@pytest.fixture(scope="module")
def site(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """It runs in front of a server."""
    with gateway.site(tmp_path_factory.mktemp("data"), mocks) as site:
        yield site


@pytest.mark.parametrize("group", GROUPS)
def test_a_gateway_breaks_what_its_table_says(gateway: Gateway, site: Site, group: str) -> None:
    if group in gateway.lacks:
        pytest.skip(gateway.lacks[group])
    compare(gateway, site, group, GROUPS[group](gateway.apis))


class Fake(Gateway):
    """A gateway that breaks one thing, and whose table may say another."""

    name = "fake"
    tested = ("1.0.0", "2026-01-01")

    def __init__(self, **rows: str) -> None:
        self.SEEN = {f"g: {name}": Seen(said, "so it is") for name, said in rows.items()}

    def version(self) -> str:
        """Another one than its table is of."""
        return "1.0.1"


TABLES = {
    "right": ({"b": "502"}, ""),
    "less than it breaks": ({}, "'g: b' is '502', expected 'as directly'"),
    "more than it breaks": ({"a": "503", "b": "502"}, "'g: a' is 'as directly', expected '503'"),
    "of no case": ({"b": "502", "c*": "502"}, "the row 'g: c*' matches no case"),
}


@pytest.mark.parametrize("rows, said", TABLES.values(), ids=list(TABLES))
def test_a_table_that_is_wrong_fails(rows: Dict[str, str], said: str) -> None:
    cases: Any = {"a": lambda _: SAME, "b": lambda _: "502"}
    site: Any = None
    if not said:
        compare(Fake(**rows), site, "g", cases)
        return
    with pytest.raises(AssertionError, match=re.escape(said)) as caught:
        compare(Fake(**rows), site, "g", cases)
    assert "fake 1.0.1 does not do what its table says, which is of 1.0.0" in str(caught.value)
