"""The inspector: a page that shows the journal as it grows."""

from __future__ import annotations

from pathlib import Path

INSPECTOR = Path(__file__).with_name("inspector.html").read_text("utf-8")
