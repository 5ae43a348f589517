"""What is counted of all requests, and Prometheus' text format.  Touches nothing."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from .entries import Again, Asked, Entry, RequestKind, Sent
from .prometheus import heading, sample_line
from .recording.passages import Forwarded

MOST_KINDS = 2000  # that are told apart: a client can ask for any status by X-Mock-Response
OTHER_KIND: RequestKind = ("other", "other", 0, False)
LABELS = ("provider", "api", "status", "matched")


class Family(NamedTuple):
    """One metric: its samples are values with their labels."""

    name: str
    kind: str
    about: str
    samples: Sequence[Tuple[Mapping[str, str], float]]

    def text(self) -> str:
        """Help, type and samples."""
        name = "mock_server_" + self.name
        lines = [sample_line(name, labels, value) for labels, value in self.samples]
        return heading(name, self.kind, self.about) + "".join(lines)


def gauge(name: str, about: str, value: float) -> Family:
    """A metric that goes up and down, without labels."""
    return Family(name, "gauge", about, [({}, value)])


def counter(name: str, about: str, value: float) -> Family:
    """A metric that only grows, without labels."""
    return Family(name, "counter", about, [({}, value)])


class Counters:
    """Counts of all requests since the start, however many the journal remembers.

    Its users hold the journal's lock."""

    def __init__(self) -> None:
        self.running = 0
        self.requests: Dict[RequestKind, int] = {}
        self.ends: Dict[str, int] = {}
        self.bytes_sent = 0
        self.events_sent = 0
        self.seconds = 0.0
        self.violations: Dict[str, int] = {}  # by rule
        self.forwarded: Dict[str, int] = {}  # by the status that came back, or none
        self.recordings = 0

    def end(self, entry: Entry, ended: str) -> None:
        """Count a request that has ended."""
        self.running -= 1
        self.judge(entry.asked)
        self.count(entry.kind, ended, entry.sent, entry.duration or 0.0)

    def again(self, again: Again) -> None:
        """Count a request that was answered at once as one before it was."""
        _, _, asked, sent, duration, _ = again
        self.judge(asked)
        self.count(asked.kind, "complete", sent, duration)

    def judge(self, asked: Asked) -> None:
        """Count what a request breaks of its provider's rules."""
        for one in asked.violations:
            self.violations[one.rule] = self.violations.get(one.rule, 0) + 1

    def forward(self, forwarded: Forwarded) -> None:
        """Count a request that was forwarded, and its recording."""
        status = str(forwarded.status or "none")
        self.forwarded[status] = self.forwarded.get(status, 0) + 1
        self.recordings += bool(forwarded.recorded)

    def forwarding(self) -> List[Family]:
        """The counts of what was forwarded, if anything was."""
        if not self.forwarded:
            return []
        about = "Requests forwarded, by the status that came back."
        samples = [({"status": status}, count) for status, count in sorted(self.forwarded.items())]
        recordings = counter("recordings_total", "Mocks made of such answers.", self.recordings)
        return [Family("forwarded_total", "counter", about, samples), recordings]

    def count(self, kind: RequestKind, ended: str, sent: Sent, seconds: float) -> None:
        """Count a request of a kind, how it ended, what was sent and how long that took."""
        if kind not in self.requests and len(self.requests) >= MOST_KINDS:
            kind = OTHER_KIND
        self.requests[kind] = self.requests.get(kind, 0) + 1
        self.ends[ended] = self.ends.get(ended, 0) + 1
        self.bytes_sent += max(0, sent.bytes)
        self.events_sent += sent.events
        self.seconds += seconds

    def families(self) -> List[Family]:
        """The counts as metrics."""
        requests = []
        # By their texts: parts that are None can't be compared with others.
        for key, count in sorted(self.requests.items(), key=str):
            labels = dict(zip(LABELS, (str(part).lower() for part in key)))
            requests.append((labels, count))
        ends = [({"ended": name}, count) for name, count in sorted(self.ends.items())]
        violations = []
        if self.violations:
            about = "Rules of providers that requests broke."
            counts = sorted(self.violations.items())
            samples = [({"rule": rule}, count) for rule, count in counts]
            violations.append(Family("violations_total", "counter", about, samples))
        how = "Requests by how their answer ended on the socket."
        return [
            Family("requests_total", "counter", "Requests answered.", requests),
            Family("requests_ended_total", "counter", how, ends),
            *violations,
            *self.forwarding(),
            gauge("requests_in_flight", "Requests that are being answered.", self.running),
            counter(
                "request_seconds_total",
                "Seconds that answering took, added up.",
                round(self.seconds, 6),
            ),
            counter("bytes_sent_total", "Bytes of bodies sent, framing included.", self.bytes_sent),
            counter("events_sent_total", "Events of streams sent.", self.events_sent),
        ]
