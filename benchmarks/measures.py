"""What is measured, with the goals, in rounds: each server has its turn in each."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from contenders import APART, LOOP, MATCHED, NGINX, OURS, QUESTIONS, Contender, running
from loads import Loads
from results import Row

Maker = Callable[[int, str], Optional[Contender]]


@dataclass(frozen=True)
class Plan:
    """How long and how often; `repeat` is how often the expensive measures are taken."""

    rounds: int
    seconds: float
    against: str  # the server that the goals speak of
    streams: int = 1000

    @property
    def repeat(self) -> int:
        return (self.rounds + 1) // 2

    def goal(self, wanted: Optional[float]) -> Optional[float]:
        """A goal beside the best Node server says nothing about another version of ours."""
        return wanted if self.against == "aimock" else None


def turns(rounds: int, contenders: Sequence[Contender]) -> Iterator[Contender]:
    """All servers in each round, in another order each time, with a breath between them."""
    for number in range(rounds):
        first = number % len(contenders)
        order = [*contenders[first:], *contenders[:first]]
        for contender in order if number % 2 == 0 else reversed(order):
            yield contender
            time.sleep(0.1)


def say(row: Row) -> None:
    """Progress, for whoever waits."""
    medians = "; ".join(f"{name} {row.middle(name):,.3f}" for name in row.values)
    print(f"{row.name} ({row.unit}): {medians}", file=sys.stderr, flush=True)


# === Answers and events a second =============================================


@dataclass(frozen=True)
class Rate:
    """Something a second: `many` connections, kept or new, with requests that are alike or not."""

    key: str
    name: str
    goal: Optional[float]
    many: int
    events: str = ""  # the stream whose events are counted
    keep: bool = True
    alike: bool = True
    limits: Tuple[str, ...] = ()  # the limits that are measured beside it

    def can(self, contender: Contender) -> bool:
        if contender.name in (LOOP, NGINX):
            return contender.name in self.limits
        return self.events in contender.streams if self.events else contender.whole

    def measure(self, loads: Loads, server: Contender, seconds: float) -> Tuple[float, float]:
        """How many a second, and microseconds of the server's processor time for each."""
        before = server.processor()
        if self.events:
            rate = loads.events(server, self.many, seconds, self.events, self.alike)
        else:
            rate = loads.answers(server, self.many, seconds, self.keep, self.alike)
        return rate, (server.processor() - before) * 1e6 / max(1.0, rate * seconds)


BOTH = (LOOP, NGINX)
RATES = (
    Rate("answers-16", "answers, 16 keep-alive connections", 8, 16, limits=BOTH),
    Rate("answers-64", "answers, 64 keep-alive connections", 8, 64, limits=BOTH),
    Rate("answers-new", "answers, 16 at once, a new connection each", 3, 16, "", False, True, BOTH),
    Rate("answers-different", "answers, 16, every request different", 0.8, 16, alike=False),
    Rate("events-1", "events, 1 stream", 2, 1, "answers", limits=(LOOP,)),
    Rate("events-16", "events, 16 streams at once", 8, 16, "answers", limits=(LOOP,)),
    Rate("events-64", "events, 64 streams at once", 8, 64, "answers", limits=(LOOP,)),
    Rate("events-larger", "events, 16 streams of 33 larger events", None, 16, "coarse"),
    Rate("events-different", "events, 16, every request different", 1, 16, "answers", alike=False),
)


def rates(plan: Plan, loads: Loads, contenders: Sequence[Contender]) -> List[Row]:
    """Answers and events a second, what each costs, and the share of the limit."""
    rows = []
    for rate in RATES:
        row = Row(rate.key, rate.name, "a second", True, plan.against, plan.goal(rate.goal))
        cost = Row(f"{rate.key}-cost", "… processor time for each", "µs", False, plan.against)
        able = [contender for contender in contenders if rate.can(contender)]
        for server in turns(plan.rounds, able):
            for into, value in zip((row, cost), rate.measure(loads, server, plan.seconds)):
                into.add(server.name, value)
        say(row)
        rows += [row, cost]
        if LOOP in row.values:
            rows.append(share(row, 0.6 if rate.key == "answers-16" else None))
    return rows


def share(row: Row, goal: Optional[float]) -> Row:
    """How much of what a bare loop does."""
    values = {name: row.values[name] for name in (OURS, LOOP)}
    name = f"… ours to the {LOOP}, the limit"
    return Row(f"{row.key}-share", name, row.unit, True, LOOP, goal, None, values)


# === Many paced streams ======================================================


def punctuality(plan: Plan, loads: Loads, contenders: Sequence[Contender]) -> List[Row]:
    """Many paced streams that begin at the same moment."""
    what = f"{plan.streams:,} streams at once, 50 events {APART * 1000:.0f} ms apart: "
    rows = {
        "intact": Row("paced-intact", what + "intact", "streams", bound=plan.streams),
        "begun_ms": Row("paced-begun", "… until all have begun", "ms", False, bound=150),
        "late_p50_ms": Row("paced-p50", "… late, median", "ms", False),
        "late_p99_ms": Row("paced-p99", "… late, 99 % of events at most", "ms", False, bound=5),
        "cpu_seconds": Row("paced-reader", "… processor time of the reader itself", "s", False),
        "server": Row("paced-cost", "… processor time of the server", "s", False, plan.against),
    }
    for server in turns(plan.repeat, [one for one in contenders if "paced" in one.streams]):
        before = server.processor()
        found = loads.at_once(server, plan.streams)
        found["server"] = server.processor() - before
        for key, row in rows.items():
            row.add(server.name, found[key])
    for row in rows.values():
        say(row)
    return list(rows.values())


# === Start and memory ========================================================


def begin(plan: Plan, contenders: Sequence[Contender], modules: Dict[str, Contender]) -> List[Row]:
    """From starting the process to its first answer, and how much memory it then holds.

    `modules` are those of ours as installed modules, by name.
    """
    kinds = (("file", "as one file", 1.1, 0.55), ("installed", "installed", 0.5, 0.45))
    starts, rests = [], []
    for key, name, start, rest in kinds:
        what = f"start to first answer, {name}"
        starts.append(Row(f"start-{key}", what, "ms", False, plan.against, plan.goal(start)))
        what = f"resident memory at rest, {name}"
        rests.append(Row(f"memory-{key}", what, "MB", False, plan.against, plan.goal(rest)))
    for server in turns(2 * plan.rounds, [*contenders, *modules.values()]):
        try:
            took = server.start() * 1000
            time.sleep(0.2)
            memory = server.memory()
        finally:
            server.stop()
        for number in (0, 1):  # others are one and the same in both rows
            if server.name not in modules or (server is modules[server.name]) == bool(number):
                starts[number].add(server.name, took)
                rests[number].add(server.name, memory)
    for row in [*starts, *rests]:
        say(row)
    return [*starts, *rests]


def swollen(plan: Plan, loads: Loads, contenders: Sequence[Contender]) -> List[Row]:
    """Memory after load: fresh servers, the same load for all."""
    rows = [
        Row(
            "memory-loaded", "resident memory after load", "MB", False, plan.against, plan.goal(0.3)
        ),
        Row("memory-peak", "… its peak", "MB", False, plan.against),
    ]
    for server in turns(plan.repeat, contenders):
        with running(server):
            if server.whole:
                loads.answers(server, 64, plan.seconds)
                loads.answers(server, 64, plan.seconds, alike=False)
            if "answers" in server.streams:
                many = ("-streams", "64", "-answers", f"{2500 * plan.seconds:.0f}")
                loads.streams(server, "answers", *many, alike=False)
            loads.at_once(server, plan.streams)
            time.sleep(1)
            for row, key in zip(rows, ("VmRSS", "VmHWM")):
                row.add(server.name, server.memory(key))
    for row in rows:
        say(row)
    return rows


# === Many mocks ==============================================================


def matching(plan: Plan, loads: Loads, makers: Dict[str, Maker]) -> List[Row]:
    """A request among 10,000 mocks that all look for another text."""
    found: List[Row] = []
    for kind in MATCHED:
        what, against = f"a request among 10,000 `{kind}` mocks", plan.against
        rows = (
            Row(f"matching-{kind}", what, "ms", False, against, bound=0.5),
            Row(f"matching-{kind}-cost", "… processor time for each", "ms", False, against),
            Row(f"matching-{kind}-ratio", "… to one among 10 mocks", "×", False),
            Row(f"matching-{kind}-cost-ratio", "… processor time, to one among 10", "×", False),
        )
        for name, make in makers.items():
            few, many = make(10, kind), make(10_000, kind)
            if not few or not many:
                continue
            for value in few_and_many(plan, loads, few, many):
                for row, one in zip(rows, value):
                    row.add(name, one)
        for row in rows:
            say(row)
        found += rows
    return found


def few_and_many(
    plan: Plan, loads: Loads, few: Contender, many: Contender
) -> Iterator[Tuple[float, ...]]:
    """Of each round: time and processor time among many, and their ratios to those among few."""
    took: Dict[int, List[Tuple[float, float]]] = {id(few): [], id(many): []}
    with running(few, many):
        for server in turns(plan.repeat, [few, many]):
            took[id(server)].append(matched(plan, loads, server))
    for (time_many, cost_many), (time_few, cost_few) in zip(took[id(many)], took[id(few)]):
        yield time_many, cost_many, time_many / time_few, cost_many / max(cost_few, 1e-3)


def matched(plan: Plan, loads: Loads, server: Contender) -> Tuple[float, float]:
    """Milliseconds a request takes, and how many of them are the server's processor time.

    No two requests are alike, nor are their texts: what is remembered costs no matching.
    """
    before = server.processor()
    asks = QUESTIONS["answers"]
    rate = loads.answers(server, 16, plan.seconds, alike=False, asks=asks)
    return 1000 / rate, (server.processor() - before) * 1000 / max(1.0, rate * plan.seconds)


def logging(plan: Plan, loads: Loads, silent: Contender, talking: Contender) -> List[Row]:
    """What the default log costs, written to /dev/null."""
    rows = [
        Row("log-answers", "answers, 16 connections, with `--log text` to without", "×"),
        Row("log-events", "events, 16 streams, with `--log text` to without", "×"),
    ]
    with running(silent, talking):
        for server in (silent, talking):
            server.check()
        found: Dict[int, List[List[float]]] = {id(silent): [[], []], id(talking): [[], []]}
        for server in turns(plan.repeat, [silent, talking]):
            found[id(server)][0].append(loads.answers(server, 16, plan.seconds))
            found[id(server)][1].append(loads.events(server, 16, plan.seconds))
    for row, on, off in zip(rows, found[id(talking)], found[id(silent)]):
        for one, other in zip(on, off):
            row.add(OURS, one / other)
        say(row)
    return rows
