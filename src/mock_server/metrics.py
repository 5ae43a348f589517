"""Prometheus' text format.  Pure."""

from __future__ import annotations

from typing import Mapping, Sequence, Tuple

Samples = Sequence[Tuple[Mapping[str, str], float]]


def metric_family(name: str, kind: str, about: str, samples: Samples) -> str:
    """One metric with its help, type and samples; label values are of this file's own making and need no escapes."""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{text}"' for label, text in labels.items())
        lines.append(f"{name}{'{' + inner + '}' if inner else ''} {value!r}")
    return "\n".join(lines) + "\n"
