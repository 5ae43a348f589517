"""The tables of gateways as docs/behind-a-gateway.md shows them.  This writes them into the page,
and test_page.py holds them there:

    PYTHONPATH=compat:compat/gateways:tests:. python3 compat/gateways/seen.py
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from checks import GROUPS
from harness import HERE, Gateway

PAGE = HERE.parent.parent / "docs" / "behind-a-gateway.md"
FROM, TO = "<!-- what was seen: written by compat/gateways/seen.py -->", "<!-- until here -->"


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


def written(gateways: Sequence[Gateway]) -> str:
    """The page with the tables of today."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(FROM)
    _, _, after = rest.partition(TO)
    return f"{before}{FROM}\n{tables(gateways)}\n{TO}{after}"


if __name__ == "__main__":
    from rows import GATEWAYS

    PAGE.write_text(written(GATEWAYS), encoding="utf-8")
