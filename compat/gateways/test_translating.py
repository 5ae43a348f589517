"""Gateways that translate, in front of the server: what they make of each provider is what their
tables say, no less and no more.  Skipped where one is not installed; GATEWAYS=portkey asks for that
alone, and fails without it."""

from __future__ import annotations

from typing import Iterator

import conftest
import pytest
from harness import Site, compare, installed
from rows import TRANSLATING
from translated import GROUPS, IN_PARALLEL, at_once, mocks
from translating import Translating


@pytest.fixture(scope="module", params=TRANSLATING, ids=lambda gateway: gateway.name)
def gateway(request: pytest.FixtureRequest) -> Translating:
    """One after the other."""
    one: Translating = request.param
    installed(one)
    return one


@pytest.fixture(autouse=True)
def nothing_normal_is_refused() -> Iterator[None]:
    """What a gateway asks that the real provider would refuse is in its table."""
    yield
    for url in conftest.WATCHED:
        conftest.look_at(url)
    conftest.BROKEN.clear()


@pytest.fixture(scope="module")
def site(gateway: Translating, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """It runs in front of a server."""
    with gateway.site(tmp_path_factory.mktemp("data"), mocks) as site:
        yield site


@pytest.mark.parametrize("group", GROUPS)
def test_a_gateway_breaks_what_its_table_says(gateway: Translating, site: Site, group: str) -> None:
    if group in gateway.lacks:
        pytest.skip(gateway.lacks[group])
    cases = GROUPS[group](gateway.providers)
    if group in IN_PARALLEL:
        cases = at_once(site, cases)
    compare(gateway, site, group, cases)
