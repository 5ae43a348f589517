"""The control API: what tests see and steer, as a table."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Dict, Iterable, List, Mapping, Tuple, cast

from .answered import Answered, Settings, control_refusal, control_response
from .errors import BadMock, Refused, nearest, shown
from .http import SESSION_RULE, good_session, unquote
from .inspector import INSPECTOR
from .journal import ENDS, Journal, in_a_thread
from .jsons import fits, parse_json, utf8
from .limits import CONTROL_PREFIX, WAIT_SECONDS, Json, __version__
from .metrics import Samples, metric_family
from .mocks.match import conditions
from .mocks.sessions import Mocks
from .node import Node
from .plans import WIRE_PLANS
from .secrets import scheme_key
from .values import Plan, Request, Response

NUMERIC_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]")


def own_name(host: str, served: str) -> bool:
    """Whether a Host header names this server: loopback, the address that it listens on, or a number, which no DNS can rebind."""
    name = re.sub(r":\d+$", "", host.strip().lower())
    return name in ("", "localhost", served.lower()) or NUMERIC_HOST.fullmatch(name) is not None


def on_loopback(peer: str) -> bool:
    """Whether a client's address is this machine's own."""
    return peer in ("::1", "") or peer.startswith(("127.", "::ffff:127."))


ControlRoute = Tuple[
    str, str, str, str
]  # method, path below /__mock__, method of Control, what it does


class Control:
    """The control API: what tests see and steer, under /__mock__/ (README, "Control API").

    For clients on loopback only, unless they have the token; a Host or an Origin that is not the server's own is refused, so
    that no web page that somebody happens to look at can use it."""

    ROUTES: Tuple[ControlRoute, ...] = (
        ("GET", r"/", "page", "the inspector, a live view for people"),
        ("GET", r"/health", "health", "version, uptime, mocks, problems with mock files"),
        (
            "GET",
            r"/requests",
            "requests",
            "the journal, newest last; `?unmatched=1`, `?limit=N`, `?mock=NAME`",
        ),
        ("DELETE", r"/requests", "forget", "empty the journal"),
        ("POST", r"/requests/count", "count", '`{"match"}` → `{"count"}`'),
        (
            "POST",
            r"/requests/wait",
            "wait",
            '`{"match", "count", "ended", "timeout"}` → those requests, as soon as they are there; else 408',
        ),
        (
            "POST",
            r"/requests/(?P<id>[^/]+)/release",
            "release",
            '`{"events"}`: let gated events out',
        ),
        ("GET", r"/requests/live", "live", "the journal as an event stream"),
        ("GET", r"/mocks", "mocks_loaded", "what is loaded, in matching order, with use counts"),
        ("POST", r"/mocks", "add", "add one mock or an array of them → 201 with ids"),
        ("DELETE", r"/mocks", "remove_all", "remove those added at run time"),
        ("DELETE", r"/mocks/(?P<id>[^/]+)", "remove", "remove one of them"),
        (
            "POST",
            r"/reset",
            "reset",
            "forget journal, run-time mocks and how often mocks were used",
        ),
        ("GET", r"/metrics", "metrics", "counts for Prometheus"),
        (
            "GET",
            r"/wire-plans",
            "wire_plans",
            "the named wire plans, so that a test can loop over them",
        ),
    )

    def __init__(self, mocks: Mocks, journal: Journal, settings: Settings) -> None:
        self.mocks, self.journal, self.settings = mocks, journal, settings

    def answer(self, request: Request) -> Answered:
        """The response to a control request; a refusal says what is wrong."""
        try:
            self.admit(request)
            action, params = self.route(request)
            found = getattr(self, action)(request, **params)
            return found if isinstance(found, Answered) else Answered(found, control=True)
        except Refused as refused:
            return control_refusal(refused)
        except BadMock as error:
            return Answered(
                control_response(400, {"error": {"message": str(error), "code": "bad_mock"}}),
                control=True,
            )

    def admit(self, request: Request) -> None:
        """Refuse who may not use the control API."""
        headers, token = request.headers, self.settings.control_token
        given = scheme_key(headers.get("authorization", ""), ("bearer",))
        trusted = bool(token) and given == token
        if not trusted and not on_loopback(request.peer):
            raise Refused(
                403,
                "the control API answers clients on loopback, and others that send the bearer token of "
                "--control-token",
                code="not_loopback",
            )
        host, origin = headers.get("host", ""), headers.get("origin")
        if not trusted and not own_name(host, self.settings.host):
            raise Refused(
                403,
                f"Host is {shown(host)}, which is not this server's own name; use localhost or its address",
                code="foreign_host",
            )
        if origin is not None and origin.lower() not in (
            f"http://{host.lower()}",
            f"https://{host.lower()}",
        ):
            raise Refused(
                403,
                f"Origin is {shown(origin)}; the control API answers no other origin",
                code="foreign_origin",
            )

    def route(self, request: Request) -> Tuple[str, Mapping[str, str]]:
        """The action that a path asks for, and its parameters."""
        path = request.path[len(CONTROL_PREFIX) :]
        if not path and request.method in ("GET", "HEAD"):
            raise Refused(
                308,
                "the inspector is at /__mock__/",
                headers=(("Location", CONTROL_PREFIX + "/"),),
                code="moved",
            )
        method = "GET" if request.method == "HEAD" else request.method
        found = [
            (known, action, match)
            for known, pattern, action, _ in self.ROUTES
            for match in [re.fullmatch(pattern, path)]
            if match
        ]
        for known, action, match in found:
            if known == method:
                return action, {name: unquote(text) for name, text in match.groupdict().items()}
        if found:
            allowed = ", ".join(sorted({known for known, _, _ in found}))
            raise Refused(
                405,
                f"{request.path} takes {allowed}, not {request.method}",
                headers=(("Allow", allowed),),
                code="method_not_allowed",
            )
        paths = {
            "/__mock__" + re.sub(r"\(\?P<id>[^)]+\)", "ID", pattern)
            for _, pattern, _, _ in self.ROUTES
        }
        raise Refused(
            404,
            f"unknown control path {shown(request.path)}; {nearest(request.path, paths)}",
            code="unknown_path",
        )

    def session(self, request: Request) -> str:
        """The session that is meant: of the query, else of the request."""
        name = request.query.get("session", request.session)
        if name != "*" and not good_session(name):
            raise Refused(400, f"the session is {shown(name)}, {SESSION_RULE}", code="bad_session")
        return name

    def sessions(self, request: Request) -> List[str]:
        """The sessions that are meant."""
        session = self.session(request)
        return list(self.mocks.sessions) if session == "*" else [session]

    def given(self, request: Request, keys: Iterable[str]) -> Dict[str, Json]:
        """The body, an object with no other keys; an empty one is one without any."""
        try:
            value = parse_json(request.body) if request.body.strip() else {}
            return dict(Node(value, "body").only(keys).value)
        except BadMock:
            raise
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}", code="bad_json") from None

    def number(self, text: Json, name: str, least: int, most: int = 1_000_000) -> int:
        """A whole number of the query or the body."""
        value = int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) else text
        if not fits(value, "an integer") or not least <= value <= most:
            raise Refused(
                400,
                f"{name}: expected a whole number from {least} to {most}, found {shown(text)}",
                code="bad_value",
            )
        return cast(int, value)

    # --- what there is ---

    def page(self, request: Request) -> Response:
        """The inspector."""
        policy = "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
        return Response(
            200,
            (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Cache-Control", "no-store"),
                ("Content-Security-Policy", policy),
            ),
            utf8(INSPECTOR),
        )

    def health(self, request: Request) -> Response:
        """Version, uptime, mocks, problems."""
        return control_response(
            200,
            {
                "status": "ok" if not self.mocks.problems else "mocks not reloaded",
                "version": __version__,
                "uptime": round(self.journal.uptime(), 3),
                "mocks": len(self.mocks.all(request.session)),
                "load_errors": self.mocks.problems,
            },
        )

    def requests(self, request: Request) -> Response:
        """The journal."""
        Node(dict(request.query), "query").only(("unmatched", "limit", "mock", "session"))
        found = self.journal.entries(self.session(request))
        if request.query.get("unmatched", "0").lower() not in ("", "0", "false"):
            found = [entry for entry in found if entry.unmatched]
        if "mock" in request.query:
            found = [entry for entry in found if entry.mock == request.query["mock"]]
        if "limit" in request.query:
            limit = self.number(request.query["limit"], "limit", 0)
            found = found[-limit:] if limit else []
        return control_response(200, {"requests": [entry.json() for entry in found]})

    def forget(self, request: Request) -> Response:
        """Empty the journal."""
        return control_response(200, {"deleted": self.journal.clear(self.session(request))})

    def count(self, request: Request) -> Response:
        """How many requests match."""
        given = self.given(request, ("match",))
        wanted = conditions(Node(given, "body").get("match"), "")
        return control_response(
            200, {"count": len(self.journal.matching(self.session(request), wanted))}
        )

    def wait(self, request: Request) -> Response:
        """Requests that match, once there are enough."""
        given = self.given(request, ("match", "count", "ended", "timeout"))
        wanted = conditions(Node(given, "body").get("match"), "")
        ended, timeout = given.get("ended"), given.get("timeout", 5)
        if ended is not None and ended not in ENDS:
            raise Refused(
                400, f"ended: found {shown(ended)}; {nearest(str(ended), ENDS)}", code="bad_value"
            )
        if not fits(timeout, "a number") or not 0 <= timeout <= WAIT_SECONDS:
            raise Refused(
                400,
                f"timeout: expected seconds from 0 to {WAIT_SECONDS:g}, found {shown(timeout)}",
                code="bad_value",
            )
        number, session = self.number(given.get("count", 1), "count", 1), self.session(request)
        found, enough = self.journal.wait(
            session, wanted, number, ended, timeout, request.patience or in_a_thread
        )
        if enough:
            return control_response(200, {"requests": [entry.json() for entry in found]})
        seen = [entry.json() for entry in self.journal.entries(session)[-20:]]
        message = f"{len(found)} of {number} requests came within {timeout:g} seconds; what came instead is in requests"
        if self.journal.closed:
            message = f"{len(found)} of {number} requests came before the server was closed"
        error = {"message": message, "code": "timeout"}
        return control_response(408, {"error": error, "matched": len(found), "requests": seen})

    def release(self, request: Request, id: str) -> Response:
        """Let events of a gated stream out."""
        events = self.number(self.given(request, ("events",)).get("events", 1), "events", 1)
        entry = self.journal.find(id)
        if not entry:
            raise Refused(
                404,
                f"no request {shown(id)} in the journal; X-Mock-Request-Id of its answer says which it was",
                code="unknown_request",
            )
        if not entry.gate or entry.ended:
            reason = (
                f"has ended: {entry.ended}"
                if entry.gate
                else 'has no gate; its mock needs "gate": true'
            )
            raise Refused(409, f"request {id} {reason}", code="no_gate")
        entry.gate.release(events)
        return control_response(200, {"released": events})

    def live(self, request: Request) -> Answered:
        """An event when a request comes and one when it has ended."""
        feed = self.journal.watch(self.session(request))
        response = Response(
            200,
            (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")),
            frames=feed.frames(),
            may_gzip=False,
        )
        return Answered(response, feed=feed, control=True)

    def mocks_loaded(self, request: Request) -> Response:
        """All mocks, in matching order."""
        names = self.sessions(request)
        known = [
            (self.mocks.session(name), mock)
            for name in names
            for mock in self.mocks.session(name).mocks
        ]
        known += [(self.mocks.session(names[0]), mock) for mock in self.mocks.index.mocks]
        return control_response(
            200,
            {
                "mocks": [
                    {
                        "id": mock.id,
                        "name": mock.name,
                        "uses": session.uses_of(mock).count,
                        "source": parse_json(utf8(mock.canonical)),
                    }
                    for session, mock in known
                ]
            },
        )

    def add(self, request: Request) -> Response:
        """Add mocks."""
        try:
            given = parse_json(request.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}", code="bad_json") from None
        if self.session(request) == "*":
            raise Refused(400, "mocks are added to one session, not to *", code="bad_session")
        mocks = self.mocks.add(given if isinstance(given, list) else [given], self.session(request))
        return control_response(201, {"ids": [mock.id for mock in mocks]})

    def remove_all(self, request: Request) -> Response:
        """Remove all that were added at run time."""
        deleted = 0
        for name in self.sessions(request):
            deleted += self.mocks.remove([mock.id for mock in self.mocks.session(name).mocks], name)
        return control_response(200, {"deleted": deleted})

    def remove(self, request: Request, id: str) -> Response:
        """Remove one of them."""
        if sum(self.mocks.remove([id], name) for name in self.sessions(request)):
            return control_response(200, {"deleted": 1})
        if any(mock.id == id for mock in self.mocks.index.mocks):
            raise Refused(409, f"{id} comes from a file; remove it there", code="not_added")
        known = [
            mock.id for name in self.sessions(request) for mock in self.mocks.session(name).mocks
        ]
        raise Refused(
            404,
            f"no mock {shown(id)} was added; {nearest(id, known) if known else 'none was'}",
            code="unknown_mock",
        )

    def reset(self, request: Request) -> Response:
        """Forget what a session, or for `*` every one, has gathered."""
        session = self.session(request)
        self.journal.clear(session)
        self.journal.open_gates(session)
        for name in list(self.mocks.sessions) if session == "*" else [session]:
            self.mocks.reset(name)
        return control_response(200, {"reset": session or None})

    def wire_plans(self, request: Request) -> Response:
        """The named plans with what they change."""
        usual = asdict(Plan())
        return control_response(
            200,
            {
                name: {key: value for key, value in asdict(plan).items() if value != usual[key]}
                for name, plan in WIRE_PLANS.items()
            },
        )

    def metrics(self, request: Request) -> Response:
        """Counts in Prometheus' text format, version 0.0.4."""
        journal = self.journal
        labels = ("provider", "api", "status", "matched")
        with journal.lock:
            requests: Samples = [
                (dict(zip(labels, (str(part).lower() for part in key))), count)
                for key, count in sorted(journal.requests.items(), key=str)
            ]
            ends: Samples = [
                ({"ended": name}, count) for name, count in sorted(journal.ends.items())
            ]
            running, kept, seconds_ = journal.running, journal.kept, round(journal.seconds, 6)
            bytes_sent, events_sent = journal.bytes_sent, journal.events_sent
        families: Tuple[Tuple[str, str, str, Samples], ...] = (
            ("info", "gauge", "Version of the server.", [({"version": __version__}, 1)]),
            (
                "uptime_seconds",
                "gauge",
                "Seconds since the start.",
                [({}, round(journal.uptime(), 3))],
            ),
            ("requests_total", "counter", "Requests answered.", requests),
            (
                "requests_ended_total",
                "counter",
                "Requests by how their answer ended on the socket.",
                ends,
            ),
            ("requests_in_flight", "gauge", "Requests that are being answered.", [({}, running)]),
            (
                "request_seconds_total",
                "counter",
                "Seconds that answering took, added up.",
                [({}, seconds_)],
            ),
            (
                "bytes_sent_total",
                "counter",
                "Bytes of bodies sent, framing included.",
                [({}, bytes_sent)],
            ),
            ("events_sent_total", "counter", "Events of streams sent.", [({}, events_sent)]),
            ("journal_entries", "gauge", "Requests in the journal.", [({}, kept)]),
            (
                "sessions",
                "gauge",
                "Sessions, the nameless one among them.",
                [({}, len(self.mocks.sessions))],
            ),
            ("mocks", "gauge", "Mocks from files.", [({}, len(self.mocks.index.mocks))]),
        )
        body = "".join(
            metric_family("mock_server_" + name, kind, about, samples)
            for name, kind, about, samples in families
        )
        return Response(
            200, (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),), utf8(body)
        )
