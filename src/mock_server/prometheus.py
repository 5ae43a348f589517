"""Prometheus' text format, version 0.0.4.  Pure."""

from __future__ import annotations

from typing import Mapping

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}  # in the value of a label
ESCAPED = str.maketrans(ESCAPES)
# Prometheus, "Exposition formats": the type names the version of the text format.
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def heading(name: str, kind: str, about: str) -> str:
    """The lines that stand before the samples of a metric."""
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


def sample_line(name: str, labels: Mapping[str, str], value: float) -> str:
    """The line of one sample."""
    braces = ""
    if labels:
        pairs = [f'{label}="{text.translate(ESCAPED)}"' for label, text in labels.items()]
        braces = "{" + ",".join(pairs) + "}"
    return f"{name}{braces} {value!r}\n"
