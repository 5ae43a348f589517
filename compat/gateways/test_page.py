"""docs/behind-a-gateway.md: its configurations are the tests' own, its tables what these hold, and
its Python runs through each gateway that is installed."""

from __future__ import annotations

import itertools
import re
from contextlib import ExitStack
from typing import Any, Dict, List

import pytest
from conftest import free_port, serving
from harness import HERE, Gateway
from pages import blocks, page
from rows import GATEWAYS, TRANSLATING
from seen import PAGE, written

CONFIGS = {
    "nginx": ["nginx.conf"],
    "haproxy": ["haproxy.cfg"],
    "yaml": ["envoy.yaml", "litellm.yaml"],
    "json": ["portkey.json"],
}
FILES = [name for names in CONFIGS.values() for name in names]
TEXT = page("behind-a-gateway")


@pytest.mark.parametrize("language", CONFIGS)
def test_the_page_has_the_configuration_of_the_tests(language: str) -> None:
    texts = [(HERE / name).read_text(encoding="utf-8") for name in CONFIGS[language]]
    assert blocks(language, TEXT) == [text.rstrip("\n") for text in texts]


def test_the_picture_has_the_upstreams_of_the_configurations() -> None:
    (picture,) = blocks("text", TEXT)
    for config in FILES:
        text = (HERE / config).read_text(encoding="utf-8")
        assert set(re.findall(r"\b500\d\b", text)) == set(re.findall(r"\b500\d\b", picture))


def test_the_page_has_the_tables_of_the_gateways() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(GATEWAYS, TRANSLATING), "seen.py writes them"


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda gateway: gateway.name)
def test_the_proofs_of_the_page_hold(gateway: Gateway) -> None:
    if not gateway.found():
        pytest.skip(f"{gateway.name} is not installed")
    prelude, *proofs = blocks("python", TEXT)
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        stack.enter_context(serving(ports=ports))
        urls = stack.enter_context(gateway.started(ports))
        own = dict(zip(("5001", "5002", "8080", "8081"), itertools.chain(ports, ports_of(urls))))
        lacking = "failover" in gateway.lacks
        for proof in proofs:
            if not (lacking and "FAILOVER" in proof):
                run("\n".join([prelude, proof]), own)


def ports_of(urls: List[str]) -> List[str]:
    """The ports of addresses."""
    return [url.rpartition(":")[2] for url in urls]


def run(program: str, ports: Dict[str, str]) -> None:
    """Run a program with a test's own ports."""
    own = re.sub(r"\b(5001|5002|8080|8081)\b", lambda match: ports[match.group()], program)
    names: Dict[str, Any] = {}
    exec(compile(own, "behind-a-gateway.md", "exec"), names)
