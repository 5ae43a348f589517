"""The gateways that are put in front of the server, in the order of the tables."""

from __future__ import annotations

from typing import Sequence

from harness import Gateway
from proxies import PROXIES
from routers import SglangRouter, VllmRouter
from translating import LiteLLM, Portkey, Translating

GATEWAYS: Sequence[Gateway] = (*PROXIES,)
TRANSLATING: Sequence[Translating] = (
    LiteLLM(),
    Portkey(),
    VllmRouter(),
    SglangRouter(),
)
