#!/usr/bin/env python3
"""How fast mock_server.py is beside other mock servers and the limits, on this machine, in one run.

    python3 benchmarks/run.py --install           fetch and build what is missing, once; minutes
    python3 benchmarks/run.py --json figures.json --chart docs/speed      all of it
    python3 benchmarks/run.py --quick             short rounds, below five minutes
    python3 benchmarks/run.py --baseline old/mock_server.py               what a change has gained

Every measure is taken from all servers in turn, several times over, and each round gives a ratio:
figures of different runs or machines don't compare, ratios do.  Loopback only; whatever it starts,
it stops, by process id.  README.md beside this file says what is needed and how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import chart
from contenders import (
    BASELINE,
    HERE,
    LOOP,
    NGINX,
    OURS,
    Contender,
    epoll_loop,
    installed,
    nginx,
    ours,
    raw,
    running,
)
from loads import Loads, found_loads, more_descriptors, run
from measures import Maker, Plan, begin, logging, matching, punctuality, rates, swollen
from others import SOURCES, aimock, llmposter, version, vidaimock
from results import Row, table


class Bench:
    """One run: who takes part, what is measured, what there is to say about it."""

    def __init__(self, options: argparse.Namespace, plan: Plan, loads: Loads, work: Path) -> None:
        self.options, self.plan, self.loads, self.work = options, plan, loads, work
        self.ours = ours(options.server, work)
        self.others: List[Contender] = []
        if options.baseline:
            self.others = [ours(options.baseline, work, BASELINE)]
        else:
            home = options.home
            found = (aimock(home, work), llmposter(home, work), vidaimock(home, work))
            self.others = [one for one in found if one and one.name not in options.without]
        self.limits: List[Contender] = []
        self.missing = missing(self.others, options)

    @property
    def names(self) -> List[str]:
        return [one.name for one in [self.ours, *self.others, *self.limits]]

    def measure(self) -> List[Row]:
        servers = [self.ours, *self.others]
        modules = {OURS: installed(self.ours, self.options.server, self.work)}
        if self.options.baseline:
            baseline = self.others[0]
            modules[BASELINE] = installed(baseline, self.options.baseline, self.work)
        rows = begin(self.plan, servers, modules)
        with running(*servers):
            for server in servers:
                server.check()
            self.find_limits()
            with running(*self.limits):
                for limit in self.limits:
                    if limit.streams:
                        limit.check()
                self.warm_up([*servers, *self.limits])
                rows += rates(self.plan, self.loads, [*servers, *self.limits])
            rows += punctuality(self.plan, self.loads, servers)
        rows += swollen(self.plan, self.loads, servers)
        rows += matching(self.plan, self.loads, self.makers())
        silent, talking = (ours(self.options.server, self.work, log=log) for log in ("off", "text"))
        return rows + logging(self.plan, self.loads, silent, talking)

    def find_limits(self) -> None:
        """The limits answer with what ours has answered."""
        whole = raw(self.ours, False)
        if LOOP not in self.options.without:
            self.limits.append(epoll_loop(self.work, whole, raw(self.ours, True)))
        constant = nginx(self.work, whole.partition(b"\r\n\r\n")[2].decode())
        if constant and NGINX not in self.options.without:
            self.limits.append(constant)

    def warm_up(self, contenders: Sequence[Contender]) -> None:
        for one in contenders:
            self.loads.answers(one, 16, self.plan.seconds)
            if "answers" in one.streams:
                self.loads.events(one, 16, self.plan.seconds)

    def makers(self) -> Dict[str, Maker]:
        """Who can have many mocks, and how they are made."""
        options, work = self.options, self.work

        def own(script: Path) -> Maker:
            return lambda extra, kind: ours(script, work, extra=extra, kind=kind)

        found: Dict[str, Maker] = {OURS: own(options.server)}
        if options.baseline:
            found[BASELINE] = own(options.baseline)
        present = [one.name for one in self.others]
        if "aimock" in present:
            found["aimock"] = lambda extra, kind: aimock(options.home, work, extra, kind)
        if "llmposter" in present:
            found["llmposter"] = lambda extra, kind: llmposter(options.home, work, extra, kind)
        return found


def missing(others: Sequence[Contender], options: argparse.Namespace) -> List[str]:
    """What this machine lacks, and how to get it."""
    notes = []
    present = [one.name for one in others]
    for source in () if options.baseline else SOURCES:
        if source.name not in present and source.name not in options.without:
            command = " ".join(source.how).replace("DIR", str(options.home))
            notes.append(f"{source.name} is missing ({source.needs}): {command}, or --install")
    if not shutil.which("nginx"):
        notes.append("nginx is missing: apt-get install nginx")
    if not shutil.which("wrk"):
        notes.append("wrk is missing: apt-get install wrk; reader.py is slower, see README.md")
    if not shutil.which("go"):
        notes.append("Go is missing: install 1.21 or newer; reader.py is less punctual")
    return notes


def install(home: Path) -> None:
    """Fetch and build the other servers, each with its own package manager, outside of here."""
    home.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if version(source.name, home):
            continue
        if not shutil.which(source.how[0]):
            print(f"{source.name} needs {source.needs}", file=sys.stderr)
            continue
        command = [str(home) if part == "DIR" else part for part in source.how]
        print(" ".join(command), file=sys.stderr, flush=True)
        run(command, timeout=1800)


# === What is said ============================================================


def machine(options: argparse.Namespace, names: Sequence[str]) -> Dict[str, Any]:
    """Where this ran and with what."""
    versions = [(name, version(name, options.home)) for name in names]
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processors": os.cpu_count(),
        "processor": model,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name, found in versions if found},
    }


def processor_time() -> Tuple[float, float]:
    """Seconds that all processors have worked so far, and of these for this run: it and its
    children that have ended."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return sum(map(int, fields[1:4])) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def notes(found: Dict[str, Any]) -> List[str]:
    """What to know beside the table."""
    said = [
        f"{found['machine']['processors']} processors: the server has one, the load generator "
        "the other, and a server of several threads shares both with it.",
        f"Answers: {found['generators']['answers']}. Streams: {found['generators']['streams']}. "
        f"At its busiest a generator worked {found['generators']['busiest']:.0%} of the time.",
        f"Other programs took {found['strangers']:.0%} of the processors meanwhile.",
        found["descriptors"] + ".",
    ]
    said += [f"{one}." for one in found["missing"]]
    return said + [f"Trouble: {one}." for one in found["trouble"]]


def report(found: Dict[str, Any], rows: Sequence[Row]) -> str:
    where = found["machine"]
    others = "".join(f", {name} {number}" for name, number in where["versions"].items())
    head = (
        f"{where['processor']}, {where['system']}, Python {where['python']}"
        f"{others}; {found['rounds']} rounds of {found['seconds']:g} s"
    )
    head += f", {found['took']:.0f} s in all"
    goals = [row for row in rows if row.met is not None]
    met = sum(bool(row.met) for row in goals)
    lines = [head, "", table(rows, found["servers"], found["against"]), ""]
    lines += [f"- {note}" for note in notes(found)]
    return "\n".join([*lines, f"- {met} of {len(goals)} goals are met."])


# === The command =============================================================


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure mock_server.py beside other mock servers and the limits."
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measure (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument(
        "--chart", type=Path, metavar="NAME", help="draw NAME-light.svg and NAME-dark.svg"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=2400,
        help="stop after this many seconds, whatever happens (default: 2400)",
    )
    parser.add_argument(
        "--server",
        type=Path,
        default=HERE.parent / "mock_server.py",
        help="the mock_server.py to measure",
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(tempfile.gettempdir()) / "mock-server-benchmarks",
        help="directory with the other servers (default: %(default)s)",
    )
    parser.add_argument("--install", action="store_true", help="install those that are missing")
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave a server or tool out"
    )
    parser.add_argument(
        "--baseline", type=Path, help="another mock_server.py to compare with, instead of others"
    )
    return parser.parse_args()


def out_of_time(*_: object) -> None:
    raise SystemExit("stopped: out of time (--limit), or asked to")


def measured(options: argparse.Namespace, plan: Plan) -> Tuple[Dict[str, Any], List[Row]]:
    """All rows, and what there is to know about the run."""
    descriptors = more_descriptors(2 * plan.streams + 500)
    started, (busy, used) = time.monotonic(), processor_time()
    with tempfile.TemporaryDirectory(prefix="mock-server-benchmark-") as folder:
        loads = found_loads(Path(folder), options.without)
        bench = Bench(options, plan, loads, Path(folder))
        for note in bench.missing:
            print(note, file=sys.stderr, flush=True)
        rows = bench.measure()
    took, (busy_now, used_now) = time.monotonic() - started, processor_time()
    strangers = max(0.0, busy_now - busy - (used_now - used)) / took / (os.cpu_count() or 1)
    return {
        "machine": machine(options, bench.names),
        "servers": bench.names,
        "against": plan.against,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "took": took,
        "strangers": strangers,
        "generators": {
            "answers": "wrk, one thread" if loads.wrk else "reader.py",
            "streams": Path(loads.reader[-1]).name.replace("load", "load/main.go, one thread"),
            "busiest": loads.busiest,
        },
        "descriptors": descriptors,
        "missing": bench.missing,
        "trouble": loads.trouble,
        "rows": [row.as_json() for row in rows],
    }, rows


def main() -> None:
    options = arguments()
    against = BASELINE if options.baseline else "aimock"
    plan = Plan(options.rounds, options.seconds, against)
    if options.quick:
        plan = Plan(2, 1.0, against)
    for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, out_of_time)
    if options.install:
        install(options.home)
    signal.alarm(options.limit)
    found, rows = measured(options, plan)
    print(report(found, rows))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.chart:
        chart.draw(found, options.chart)


if __name__ == "__main__":
    main()
