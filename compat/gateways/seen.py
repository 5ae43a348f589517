"""The tables of gateways as docs/behind-a-gateway.md shows them.  This writes them into the page,
and test_page.py holds them there:

    PYTHONPATH=compat:compat/gateways:tests:. python3 compat/gateways/seen.py
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import translated
from checks import GROUPS
from harness import HERE, Gateway
from translating import Row, Translating

PAGE = HERE.parent.parent / "docs" / "behind-a-gateway.md"
FROM, TO = "<!-- what was seen: written by compat/gateways/seen.py -->", "<!-- until here -->"
TRANSLATED = "<!-- what was seen of translating: written by compat/gateways/seen.py -->"


def line(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def cell(gateway: Gateway, group: str) -> str:
    """What a gateway does in a group of cases, in a word."""
    if group in gateway.lacks:
        return "–"
    return "differs" if any(name.startswith(group + ":") for name in gateway.SEEN) else "✔"


def tables(gateways: Sequence[Gateway]) -> str:
    """Which gateway does what; and each difference, with its reason."""
    titles = [f"{one.name} {one.tested[0]}" for one in gateways]
    rule = line(*["---"] * (len(titles) + 1))
    lines: List[str] = [line("cases", *titles), rule]
    lines.append(line("seen on", *(one.tested[1] for one in gateways)))
    lines += [line(group, *(cell(one, group) for one in gateways)) for group in GROUPS]
    lines += ["", line("what differs", *(one.name for one in gateways)), rule]
    cases = sorted({name for one in gateways for name in one.SEEN}, key=place)
    lines += [line(f"`{case}`", *(outcome(one, case) for one in gateways)) for case in cases]
    return "\n".join([*lines, "", *reasons(gateways)])


def place(case: str) -> Tuple[int, str]:
    """Where a case stands: in the order of the groups."""
    return [*GROUPS].index(case.partition(":")[0]), case


def outcome(gateway: Gateway, case: str) -> str:
    """What a gateway makes of a case."""
    if case in gateway.SEEN:
        return gateway.SEEN[case].outcome
    return "–" if case.partition(":")[0] in gateway.lacks else "✔"


def reasons(gateways: Sequence[Gateway]) -> List[str]:
    """Why, once for all gateways of which the same is said."""
    found: Dict[Tuple[str, str], List[str]] = {}
    for one in gateways:
        for case, seen in one.SEEN.items():
            found.setdefault((case, seen.why), []).append(one.name)
    told = sorted(found.items(), key=lambda item: place(item[0][0]))
    return [f"- `{case}`, {', '.join(names)}: {why}" for (case, why), names in told]


def translations(gateways: Sequence[Translating]) -> str:
    """What gateways that translate do with each provider; and each difference, with its reason."""
    parts = [summary(gateways)]
    for one in gateways:
        rows = [line(f"{one.name}: cases", "providers", "what comes of it", "why")]
        rows += [line(*["---"] * 4), *(line(*told(one, row)) for row in one.ROWS)]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def summary(gateways: Sequence[Translating]) -> str:
    """Which groups of cases are right with which providers."""
    lines = [line("cases", *(f"{one.name} {one.tested[0]}" for one in gateways))]
    lines.append(line(*["---"] * (len(gateways) + 1)))
    lines.append(line("seen on", *(one.tested[1] for one in gateways)))
    lines.append(line("providers", *(", ".join(one.providers) for one in gateways)))
    lines += [line(name, *(right(one, name) for one in gateways)) for name in translated.GROUPS]
    return "\n".join(lines)


def right(gateway: Translating, group: str) -> str:
    """The providers with which all cases of a group are right."""
    if group in gateway.lacks:
        return "–"
    wrong = {name for row in gateway.ROWS if row.group == group for name in row.providers}
    names = [name for name in gateway.providers if name not in wrong]
    return "✔" if not wrong else ", ".join(names) or "none"


def all_but(names: Sequence[str]) -> str:
    """All of them, with what is left out."""
    return f"all but {', '.join(names)}" if names else "all"


def told(gateway: Translating, row: Row) -> Sequence[str]:
    """The cells of a row."""
    cases, providers = ", ".join(row.cases), ", ".join(row.providers)
    left = [name for name in gateway.providers if name not in row.providers]
    if len(left) < len(row.providers) - 1:
        providers = all_but(left)
    left = [name for name in translated.WIRE_PLANS if name not in row.cases]
    if row.group == "plans" and len(left) < len(row.cases) - 1:
        cases = all_but(left)
    return f"{row.group}: {cases}", providers, row.seen.outcome, row.seen.why


def written(gateways: Sequence[Gateway], translating: Sequence[Translating]) -> str:
    """The page with the tables of today."""
    text = PAGE.read_text(encoding="utf-8")
    for start, said in ((FROM, tables(gateways)), (TRANSLATED, translations(translating))):
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(TO)
        text = f"{before}{start}\n{said}\n{TO}{after}"
    return text


if __name__ == "__main__":
    from rows import GATEWAYS, TRANSLATING

    PAGE.write_text(written(GATEWAYS, TRANSLATING), encoding="utf-8")
