"""What was measured: figures of each server by round, ratios with their spread, goals, a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from contenders import OURS


@dataclass
class Row:
    """One measure: a list of figures for each server, one a round, taken in turn."""

    key: str
    name: str
    unit: str
    more: bool = True  # whether more is better
    against: str = ""  # the server that ours is compared with
    goal: Optional[float] = None  # wanted of the ratio, ours to that server's
    bound: Optional[float] = None  # or wanted of ours alone
    values: Dict[str, List[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def ratios(self, other: str) -> List[float]:
        """Ours to another's, round by round: what both went through at about the same time."""
        pairs = zip(self.values.get(OURS, []), self.values.get(other, []))
        return [own / theirs for own, theirs in pairs if theirs]

    def middle(self, name: str) -> Optional[float]:
        values = self.values.get(name)
        return statistics.median(values) if values else None

    @property
    def met(self) -> Optional[bool]:
        """Whether the goal is met, if there is one and both were measured."""
        if self.bound is not None:
            value, wanted = self.middle(OURS), self.bound
        elif self.goal is not None and self.ratios(self.against):
            value, wanted = statistics.median(self.ratios(self.against)), self.goal
        else:
            return None
        if value is None:
            return None
        return value >= wanted if self.more else value <= wanted

    @property
    def wanted(self) -> str:
        sign = "≥" if self.more else "≤"
        if self.bound is not None:
            return f"{sign} {self.bound:g} {self.unit}"
        return "" if self.goal is None else f"{sign} {self.goal:g} ×"

    def line(self, names: Sequence[str]) -> str:
        cells = [self.name, self.unit]
        for name in names:
            middle = self.middle(name)
            cells.append("–" if middle is None else figure(middle))
        verdict = {True: "yes", False: "**no**", None: ""}[self.met]
        cells += [spread(self.ratios(self.against)), self.wanted, verdict]
        return f"| {' | '.join(cells)} |"

    def as_json(self) -> Dict[str, Any]:
        ratios = {}
        for name in self.values:
            found = self.ratios(name) if name != OURS else []
            if found:
                middle = statistics.median(found)
                ratios[name] = {"median": middle, "min": min(found), "max": max(found)}
        return {
            "key": self.key,
            "name": self.name,
            "unit": self.unit,
            "more_is_better": self.more,
            "values": self.values,
            "medians": {name: self.middle(name) for name in self.values},
            "ratios_of_ours": ratios,
            "against": self.against,
            "goal": self.goal if self.bound is None else self.bound,
            "goal_is": "value" if self.bound is not None else "ratio",
            "met": self.met,
        }


def figure(value: float) -> str:
    for least, places in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{places}f}"
    return f"{value:.3f}"


def spread(ratios: Sequence[float]) -> str:
    """The middle ratio and, in brackets, the lowest and the highest."""
    if not ratios:
        return ""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def table(rows: Sequence[Row], names: Sequence[str], against: str) -> str:
    """All rows, in Markdown."""
    heads = ["measure", "unit", *names, f"ours to {against} (lowest–highest)", "goal", "met"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        lines.append(row.line(names))
    return "\n".join(lines)
