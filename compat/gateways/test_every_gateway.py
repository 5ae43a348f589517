"""Every gateway in front of the server: what comes through it is what its table says, no less and
no more.  Skipped where a gateway is not installed; GATEWAYS=nginx,envoy asks for these alone, and
fails without them."""

from __future__ import annotations

from typing import Iterator

import pytest
from checks import GROUPS, mocks
from harness import Gateway, Site, compare, installed
from proxies import PROXIES

@pytest.fixture(scope="module", params=PROXIES, ids=lambda gateway: gateway.name)
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
    compare(gateway, site, group, GROUPS[group]())
