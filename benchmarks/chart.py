#!/usr/bin/env python3
"""The chart of README.md, drawn from the figures of run.py, without anything beside Python.

    python3 benchmarks/chart.py figures.json benchmarks/speed     speed-light.svg, speed-dark.svg

Two files, as README.md's <picture> takes the one that suits the reader's colours.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Dict, List, Tuple

from contenders import LOOP, NGINX, OURS

PANELS = (  # the measure, what stands above its bars, what a figure is followed by
    ("answers-16", "Answers a second, equal requests", ""),
    ("answers-different", "Answers a second, all different", ""),
    ("answers-new", "Answers a second, new connections", ""),
    ("events-16", "Events a second, 16 streams at once", ""),
    ("start-installed", "Start to first answer, installed", " ms"),
    ("memory-loaded", "Memory after load", " MB"),
    ("matching-contains", "A request among 10,000 mocks", " ms"),
    ("paced-p99", "1,000 streams at once: how late, 99 %", " ms"),
)
COLOURS = {
    "light": {"text": "#1f2328", "dim": "#59636e", "ours": "#0969da", "other": "#c4ccd4"},
    "dark": {"text": "#f0f6fc", "dim": "#9198a1", "ours": "#4493f8", "other": "#4b535d"},
}
SCALES = ((1e7, 1e6, 0, "M"), (1e6, 1e6, 1, "M"), (1e4, 1e3, 0, "k"), (1e3, 1e3, 1, "k"))
FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
WIDTH, MARGIN, GAP = 880, 16, 40
LABEL, VALUE = 112, 74  # room for names before the bars and for figures after them
BAR, STEP, HEAD = 12, 19, 34


@dataclass(frozen=True)
class Panel:
    """One measure: a title, bars and their figures."""

    title: str
    note: str
    unit: str
    bars: Tuple[Tuple[str, float], ...]

    @property
    def height(self) -> int:
        return HEAD + STEP * len(self.bars) + 16


def panels(found: Dict[str, Any]) -> List[Panel]:
    """What there is to draw: the measures that were taken of more than one server."""
    rows = {row["key"]: row for row in found["rows"]}
    drawn = []
    for key, title, unit in PANELS:
        row = rows.get(key)
        if not row:
            continue
        medians = row["medians"]
        bars = tuple((name, medians[name]) for name in found["servers"] if name in medians)
        if len(bars) > 1:
            note = "more is better" if row["more_is_better"] else "less is better"
            drawn.append(Panel(title, note, unit, bars))
    return drawn


def short(value: float, unit: str) -> str:
    if unit and value >= 10:
        return f"{value:,.0f}{unit}"
    for least, part, places, letter in SCALES:
        if value >= least:
            return f"{value / part:.{places}f}{letter}{unit}"
    return f"{value:.0f}{unit}" if value >= 10 else f"{value:.2g}{unit}"


def text(x: float, y: float, said: str, colour: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}"{more}>{escape(said)}</text>'


def bars(panel: Panel, left: float, top: float, width: float, colours: Dict[str, str]) -> List[str]:
    """A panel's shapes."""
    parts = [
        text(left, top + 14, panel.title, colours["text"], ' font-size="13" font-weight="600"'),
        text(left + width, top + 14, panel.note, colours["dim"], ' text-anchor="end"'),
    ]
    longest = max(value for _, value in panel.bars)
    room = width - LABEL - VALUE
    for number, (name, value) in enumerate(panel.bars):
        own = name == OURS
        y = top + HEAD + STEP * number
        weight = ' font-weight="600"' if own else ""
        colour = colours["text"] if own else colours["dim"]
        length = max(1.5, room * value / longest) if longest else 1.5
        look = f'fill="{colours["ours"] if own else colours["other"]}"'
        if name in (LOOP, NGINX):
            look = f'fill="none" stroke="{colours["dim"]}" stroke-dasharray="3 2"'
        parts += [
            text(left + LABEL - 8, y, name, colour, f' text-anchor="end"{weight}'),
            f'<rect x="{left + LABEL:g}" y="{y - BAR + 2:g}" width="{length:.1f}" height="{BAR}"'
            f' rx="2" {look}/>',
            text(left + LABEL + length + 6, y, short(value, panel.unit), colour, weight),
        ]
    return parts


def svg(found: Dict[str, Any], colours: Dict[str, str]) -> str:
    """The whole chart: two columns of panels, and what it was measured with."""
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    parts: List[str] = []
    top = float(MARGIN)
    drawn = panels(found)
    for number in range(0, len(drawn), 2):
        line = drawn[number : number + 2]
        for column, panel in enumerate(line):
            parts += bars(panel, MARGIN + column * (width + GAP), top, width, colours)
        top += max(panel.height for panel in line)
    where = found["machine"]
    known = [name for name in found["servers"] if where["versions"].get(name)]
    versions = ", ".join(f"{name} {where['versions'][name]}" for name in known)
    said = f"{where['processors']} processors, Python {where['python']}, {versions}"
    limits = "outlined: the limits, which say the same bytes to everybody"
    parts.append(text(MARGIN, top + 8, said, colours["dim"]))
    parts.append(text(MARGIN, top + 8 + STEP, limits, colours["dim"]))
    height = round(top + 20 + STEP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="{FONT}" font-size="11">',
            "<title>mock_server.py beside other mock servers</title>",
            *parts,
            "</svg>\n",
        ]
    )


def draw(found: Dict[str, Any], name: Path) -> None:
    for scheme, colours in COLOURS.items():
        name.with_name(f"{name.name}-{scheme}.svg").write_text(svg(found, colours))


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
