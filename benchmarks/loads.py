"""The load generators: wrk and load/main.go where they are to be had, else reader.py for both."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence

from contenders import APART, HERE, PATH, SEED, TEXTS, Contender, request_body

SEEDS = 2_000_000  # more than any run can use up: no run repeats another's requests
HIGHEST = 2**31 - 1  # of a seed, as some servers read it


@dataclass
class Loads:
    """What makes load, and what went wrong while it did."""

    work: Path
    wrk: str
    reader: List[str]
    trouble: List[str] = field(default_factory=list)
    seed: int = SEED
    busiest: float = 0.0  # the highest share of its time that a generator of answers worked

    def answers(
        self,
        server: Contender,
        connections: int,
        seconds: float,
        keep: bool = True,
        alike: bool = True,
        asks: str = "",
    ) -> float:
        """Whole answers a second.  `asks` is what differing requests say, a number after it."""
        if not self.wrk:
            return self.plain(server, connections, seconds, keep, alike, asks)
        script = self.work / "post.lua"
        script.write_text(self.lua(server, keep, alike, asks))
        whole = max(1, round(seconds))
        command = [self.wrk, "-t1", f"-c{connections}", f"-d{whole}s", "-s", str(script)]
        before, began = children(), time.monotonic()
        said = run([*command, f"http://{server.address}{PATH}"])
        share = (children() - before) / (time.monotonic() - began)
        self.busiest = max(self.busiest, share)
        wrong = re.findall(r"Non-2xx[^\n]*|Socket errors[^\n]*", said)
        if wrong:
            self.trouble.append(f"{server.name}, {connections} connections: {'; '.join(wrong)}")
        return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])

    def plain(
        self,
        server: Contender,
        connections: int,
        seconds: float,
        keep: bool,
        alike: bool,
        asks: str,
    ) -> float:
        """The same with reader.py."""
        options = ["-plain", "-streams", str(connections), "-seconds", str(seconds)]
        if not keep:
            options.append("-close")
        body = self.work / "plain.json"
        body.write_bytes(self.varied("answers", False, asks))
        if not alike:
            options += ["-vary", str(self.seed)]
        found = json.loads(run([*self.command(server, body), *options]))
        self.note(server, options, found)
        return float(found["answers"] / seconds)

    def varied(self, name: str, stream: bool, asks: str = "") -> bytes:
        """A body whose digits nobody has seen yet."""
        self.seed += SEEDS
        if self.seed + SEEDS > HIGHEST:
            self.seed = SEED + 1
        return request_body(name, stream, self.seed, f"{asks} {self.seed}" if asks else "")

    def lua(self, server: Contender, keep: bool, alike: bool, asks: str) -> str:
        """The requests, as wrk wants them told: made once where they are all alike."""
        body = self.varied("answers", False, asks).decode()
        lines = ["Content-Type: application/json", *([] if keep else ["Connection: close"])]
        if alike:
            heads = "".join('wrk.headers["{}"] = "{}"\n'.format(*one.split(": ")) for one in lines)
            return f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\n{heads}'
        first = [f"POST {PATH} HTTP/1.1", f"Host: {server.address}", f"Content-Length: {len(body)}"]
        head = "".join(f"{line}\\r\\n" for line in [*first, *lines, ""])
        pieces = body.split(str(self.seed))
        said = " .. ".join(f"[==[{piece}]==] .. seed" for piece in pieces[:-1])
        return (
            f"local seed = {self.seed}\n"
            "request = function()\n  seed = seed + 1\n"
            f'  return "{head}" .. {said} .. [==[{pieces[-1]}]==]\nend\n'
        )

    def command(self, server: Contender, body: Path) -> List[str]:
        return [*self.reader, "-address", server.address, "-path", PATH, "-body", str(body)]

    def streams(self, server: Contender, name: str, *options: str, alike: bool) -> Dict[str, Any]:
        """What the stream reader found."""
        body, text = self.work / f"{name}.json", self.work / f"{name}.txt"
        body.write_bytes(self.varied(name, True))
        text.write_text(TEXTS[name])
        command = [*self.command(server, body), "-text", str(text), *options]
        if not alike:
            command += ["-vary", str(self.seed)]
        found: Dict[str, Any] = json.loads(run([*command, "-events", str(server.events[name])]))
        self.note(server, options, found)
        return found

    def note(self, server: Contender, options: Sequence[str], found: Dict[str, Any]) -> None:
        if found["broken"]:
            what = f"{server.name}, {' '.join(options)}"
            self.trouble.append(f"{what}: {found['broken']} broken: {found['problems']}")

    def events(
        self,
        server: Contender,
        streams: int,
        seconds: float,
        name: str = "answers",
        alike: bool = True,
    ) -> float:
        """Events a second."""
        options = ["-streams", str(streams), "-seconds", str(seconds)]
        found = self.streams(server, name, *options, alike=alike)
        self.busiest = max(self.busiest, found["cpu_seconds"] / seconds)
        return float(found["events"] / seconds)

    def at_once(self, server: Contender, streams: int) -> Dict[str, Any]:
        """Streams that all begin at the same moment, with pauses between their events."""
        apart = f"{APART * 1000:.0f}ms"
        return self.streams(server, "paced", "-streams", str(streams), "-apart", apart, alike=True)


def children() -> float:
    """Seconds of processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: Sequence[str], timeout: float = 180) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def found_loads(work: Path, without: Sequence[str] = ()) -> Loads:
    """The best generators on this machine; `without` some of them."""
    wrk = "" if "wrk" in without else shutil.which("wrk") or ""
    reader = [sys.executable, str(HERE / "reader.py")]
    if shutil.which("go") and "go" not in without:
        binary = work / "load"
        run(["go", "build", "-o", str(binary), str(HERE / "load" / "main.go")])
        reader = [str(binary)]
    return Loads(work, wrk, reader)


def more_descriptors(wanted: int) -> str:
    """Let this process and those it starts have that many files open; what was done, in words."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return f"Open files allowed: {soft}, {wanted} needed"
    new = wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError):  # only a superuser with that capability may go beyond `hard`
        new = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))
    if new < wanted:
        return f"Open files allowed: {new}, fewer than the {wanted} that are needed: some must fail"
    return f"Open files allowed: {new}, raised from {soft}"
