"""The inspector: a page that shows the journal as it grows."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from .jsons import utf8
from .limits import Headers

INSPECTOR = Path(__file__).with_name("inspector.html").read_text("utf-8")


def page_headers() -> Headers:
    """The headers of the page: what the journal tells of requests is shown on it, so a browser is
    to run its own script only, to apply its own styles, and to ask nobody else (CSP 3, 2.3.1)."""
    policy = ["default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'"]
    policy += ["form-action 'none'", "frame-ancestors 'none'"]
    for kind in ("script", "style"):
        [text] = re.findall(f"(?s)<{kind}>(.*?)</{kind}>", INSPECTOR)
        digest = base64.b64encode(hashlib.sha256(utf8(text)).digest()).decode()
        policy.append(f"{kind}-src 'sha256-{digest}'")
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "; ".join(policy)),
    )
