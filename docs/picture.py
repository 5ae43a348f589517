#!/usr/bin/env python3
"""The picture of README.md: client, gateway and mock, and what each feature watches.

    python3 docs/picture.py        picture-light.svg and picture-dark.svg, beside this file

Narrow, so that its words can be read on a telephone; two files, as README.md's <picture> takes the
one that suits the reader's colours.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Dict, List, Tuple

COLOURS = {
    "light": {
        "text": "#1f2328",
        "dim": "#59636e",
        "ours": "#0969da",
        "line": "#818b98",
        "box": "#f6f8fa",
        "own": "#ddf4ff",
    },
    "dark": {
        "text": "#f0f6fc",
        "dim": "#9198a1",
        "ours": "#4493f8",
        "line": "#656c76",
        "box": "#151b23",
        "own": "#121d2f",
    },
}
FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
WIDTH, MARGIN = 480, 8
LEFT, BOX_WIDTH, BOX_HEIGHT = 34, 156, 58  # left of the boxes runs the line of the control API
NOTES = LEFT + BOX_WIDTH + 22
NOTE = 44  # the height of a note: what watches, and what it tells
DOWN, UP = LEFT + 60, LEFT + BOX_WIDTH - 60

Notes = List[Tuple[str, str]]
BOXES = (
    ("your test", "SDK, agent, curl"),
    ("your gateway", "what is tested"),
    ("mock_server.py", "as the provider"),
)
BESIDE: Tuple[Notes, ...] = (
    [("control API", "adds mocks, asks what came, verifies")],
    [],
    [("mocks", "your words in the provider's format")],
)
BETWEEN: Tuple[Notes, ...] = (
    [
        ("gates", "is each event passed on at once?"),
        ("journal: client_gone", "is a cancel passed on?"),
    ],
    [
        ("--strict", "would the provider take this request?"),
        ("--credential", "is it the right key, signed right?"),
        ("journal", "what was really sent, and when"),
        ("faults, errors, limits", "does it retry, and fail over?"),
        ("wire plans", "does it read a stream cut otherwise?"),
    ],
)


def text(x: float, y: float, said: str, colour: str, more: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}"{more}>{escape(said)}</text>'


def notes(found: Notes, top: float, colours: Dict[str, str]) -> List[str]:
    """What watches there, each with what it tells."""
    parts = []
    for number, (name, told) in enumerate(found):
        y = top + NOTE * number
        parts.append(text(NOTES, y + 16, name, colours["text"], ' font-weight="600"'))
        parts.append(text(NOTES, y + 33, told, colours["dim"]))
    return parts


def box(number: int, top: float, colours: Dict[str, str]) -> List[str]:
    """One of the three, with what stands beside it."""
    name, told = BOXES[number]
    fill, stroke = ("own", "ours") if number == len(BOXES) - 1 else ("box", "line")
    look = f'fill="{colours[fill]}" stroke="{colours[stroke]}"'
    middle = LEFT + BOX_WIDTH / 2
    return [
        f'<rect x="{LEFT}" y="{top:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" {look}/>',
        text(middle, top + 25, name, colours["text"], ' font-weight="600" text-anchor="middle"'),
        text(middle, top + 44, told, colours["dim"], ' font-size="13" text-anchor="middle"'),
        *notes(BESIDE[number], top + (BOX_HEIGHT - NOTE) / 2, colours),
    ]


def arrow(points: List[Tuple[float, float]], colour: str) -> str:
    """A line along points, with a head at its end."""
    path = " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{colour}" marker-end="url(#head)"/>'


def between(number: int, top: float, height: float, colours: Dict[str, str]) -> List[str]:
    """The request and its answer, and what watches them."""
    middle, rule = top + height / 2 + 5, NOTES - 11
    return [
        arrow([(DOWN, top + 6), (DOWN, top + height - 8)], colours["line"]),
        arrow([(UP, top + height - 6), (UP, top + 8)], colours["line"]),
        text(DOWN - 6, middle, "request", colours["dim"], ' font-size="13" text-anchor="end"'),
        text(UP + 6, middle, "answer", colours["dim"], ' font-size="13"'),
        f'<path d="M{rule} {top + 10:g} V{top + height - 10:g}" stroke="{colours["ours"]}"/>',
        *notes(BETWEEN[number], top + 8, colours),
    ]


def svg(colours: Dict[str, str]) -> str:
    """The whole picture, from top to bottom."""
    parts: List[str] = []
    top = float(MARGIN)
    for number in range(len(BOXES)):
        parts += box(number, top, colours)
        top += BOX_HEIGHT
        if number < len(BETWEEN):
            height = NOTE * len(BETWEEN[number]) + 20
            parts += between(number, top, height, colours)
            top += height
    first, last, side = MARGIN + BOX_HEIGHT / 2, top - BOX_HEIGHT / 2, 22
    around = [(LEFT, first), (side, first), (side, last), (LEFT - 3, last)]
    middle = (first + last) / 2
    turned = f' font-size="13" text-anchor="middle" transform="rotate(-90 14 {middle:g})"'
    height = round(top + MARGIN)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="{FONT}" font-size="14">',
            "<title>Your test asks your gateway, which asks mock_server.py</title>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{colours["line"]}"/>'
            "</marker></defs>",
            *parts,
            arrow(around, colours["line"]),
            text(14, middle, "control API", colours["dim"], turned),
            "</svg>\n",
        ]
    )


def draw(folder: Path) -> None:
    """Write both files."""
    for scheme, colours in COLOURS.items():
        (folder / f"picture-{scheme}.svg").write_text(svg(colours), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(__file__).resolve().parent)
