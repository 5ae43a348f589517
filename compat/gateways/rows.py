"""The gateways that are put in front of the server, in the order of the tables."""

from __future__ import annotations

from typing import Sequence

from harness import Gateway
from proxies import PROXIES

GATEWAYS: Sequence[Gateway] = (*PROXIES,)
