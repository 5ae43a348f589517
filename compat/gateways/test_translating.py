"""Gateways that translate, in front of the server: what they make of each provider is what their
tables say, no less and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from harness import Gateway, Site, compare
from translated import GROUPS, mocks
from translating import TRANSLATING


@pytest.fixture(scope="module", params=TRANSLATING, ids=lambda gateway: gateway.name)
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """One after the other."""
    one: Gateway = request.param
    if not one.found():
        pytest.skip(f"{one.name} is not installed")
    return one


@pytest.fixture(scope="module")
def site(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """It runs in front of a server."""
    with gateway.site(tmp_path_factory.mktemp("data"), mocks) as site:
        yield site


@pytest.mark.parametrize("group", GROUPS)
def test_a_gateway_breaks_what_its_table_says(gateway: Gateway, site: Site, group: str) -> None:
    compare(gateway, site, group, GROUPS[group]())
