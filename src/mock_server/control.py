"""The control API: what tests see and steer, as a table that only translates."""

from __future__ import annotations

import functools
import re
from typing import Callable, Dict, Generator, Mapping, NamedTuple, Pattern, Tuple, Union

from .admission import admit
from .answered import Answered, control_refusal, control_response
from .control_journal import JournalControl
from .control_requests import BadValue, ControlRequest
from .counters import Family, gauge
from .deliveries import Plan
from .errors import BadMock, Refused, nearest, shown
from .gates import ASIDE, Work
from .http import unquote
from .inspector import INSPECTOR, page_headers
from .journal import EVERY_SESSION, Journal
from .jsons import utf8
from .limits import CONTROL_PREFIX, __version__
from .mocks.delivery import PLAN_KEYS
from .mocks.sessions import Mocks
from .operations import Unavailable, read_gauge
from .options import Settings
from .plans import WIRE_PLANS
from .prometheus import METRICS_TYPE
from .routing import pattern_of
from .rules.judge import rules_json
from .values import HttpResponse, Request

# RFC 9110, 15.5: 404 for what is not there, 409 for what is there in another state.
STATUS = {
    "unknown_mock": 404,
    "unknown_request": 404,
    "unknown_metric": 404,
    "not_added": 409,
    "no_gate": 409,
    "no_single_value": 409,
}
METRICS_HEADERS = (("Content-Type", METRICS_TYPE),)

Reaction = Union[HttpResponse, Answered]
Action = Callable[["Control", ControlRequest], Union[Reaction, Work[Reaction]]]


class ControlRoute(NamedTuple):
    """One thing that can be done: its template below /__mock__, who does it, and what it is.

    What `is_long` goes through all requests or all mocks."""

    template: str
    action: Action
    about: str
    is_long: bool = False

    @property
    def method(self) -> str:
        """GET and the like."""
        return self.template.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path below /__mock__, with placeholders."""
        return self.template.partition(" ")[2]


class Control(JournalControl):
    """The control API under /__mock__/ (docs/control-api.md)."""

    def __init__(self, mocks: Mocks, journal: Journal, settings: Settings) -> None:
        super().__init__(mocks, journal)
        self.settings = settings

    def answering(self, request: Request) -> Work[Answered]:
        """Work that gives the response to a control request; a refusal says what is wrong."""
        try:
            admit(request, self.settings)
            route, params = control_route(request)
            if route.is_long:
                yield ASIDE
            answer = route.action(self, ControlRequest(request, params))
            if isinstance(answer, Generator):
                answer = yield from answer
        except Refused as refused:
            return control_refusal(refused)
        except Unavailable as error:
            return control_refusal(Refused(STATUS[error.code], error.message, code=error.code))
        except BadValue as error:
            return control_refusal(Refused(400, str(error), code="bad_value"))
        except BadMock as error:
            return control_refusal(Refused(400, str(error), code="bad_mock"))
        if isinstance(answer, HttpResponse):
            return Answered(answer, control=True)
        return answer

    # --- what there is ---

    def page(self, asked: ControlRequest) -> HttpResponse:
        """The inspector."""
        return HttpResponse(200, page_headers(), utf8(INSPECTOR))

    def health(self, asked: ControlRequest) -> HttpResponse:
        """Version, uptime, mocks, problems, and which run of the server it is."""
        return control_response(
            200,
            {
                # The mocks that were there before go on answering.
                "status": "mocks not reloaded" if self.mocks.files.problems else "ok",
                "version": __version__,
                "uptime": round(self.journal.uptime(), 3),
                "mocks": len(self.mocks.session(asked.request.session).in_order()),
                "load_errors": self.mocks.files.problems,
                "instance": self.journal.instance,
            },
        )

    def metrics(self, asked: ControlRequest) -> HttpResponse:
        """Counts in Prometheus' text format, version 0.0.4."""
        sessions = "Sessions, the nameless one among them."
        families = (
            Family("info", "gauge", "Version of the server.", [({"version": __version__}, 1)]),
            gauge("uptime_seconds", "Seconds since the start.", round(self.journal.uptime(), 3)),
            *self.journal.families(),
            gauge("sessions", sessions, len(self.mocks.sessions)),
            gauge("mocks", "Mocks from files.", len(self.mocks.from_files)),
        )
        text = "".join(family.text() for family in families)
        return HttpResponse(200, METRICS_HEADERS, utf8(text))

    def wire_plans(self, asked: ControlRequest) -> HttpResponse:
        """The named plans with what they change."""
        usual = Plan()
        found = {}
        for name, plan in WIRE_PLANS.items():
            pairs = [(key, getattr(plan, key)) for key in PLAN_KEYS]
            found[name] = {key: value for key, value in pairs if value != getattr(usual, key)}
        return control_response(200, found)

    def rules(self, asked: ControlRequest) -> HttpResponse:
        """What each provider refuses, or one alone."""
        wanted, found = asked.query("provider", "session").get("provider"), rules_json()
        if not wanted.is_absent:
            name = wanted.choice(list(dict.fromkeys(rule["provider"] for rule in found)))
            found = [rule for rule in found if rule["provider"] == name]
        return control_response(200, {"rules": found})

    # --- mocks ---

    def mocks_loaded(self, asked: ControlRequest) -> HttpResponse:
        """All mocks, in matching order."""
        return control_response(200, {"mocks": self.operations(asked).mocks_json()})

    def add(self, asked: ControlRequest) -> HttpResponse:
        """Add mocks."""
        value = asked.json()
        one_session(asked, "mocks are added to")
        specs = value if isinstance(value, list) else [value]
        ids = [mock.id for mock in self.operations(asked).add(specs)]
        return control_response(201, {"ids": ids})

    def remove_all(self, asked: ControlRequest) -> HttpResponse:
        """Remove all that were added at run time."""
        return control_response(200, {"deleted": self.operations(asked).remove_all()})

    def remove(self, asked: ControlRequest) -> HttpResponse:
        """Remove one of them."""
        self.operations(asked).remove(asked.params["id"])
        return control_response(200, {"deleted": 1})

    def set_metric(self, asked: ControlRequest) -> HttpResponse:
        """Set what the model server of a session tells of itself."""
        one_session(asked, "metrics belong to")
        given = read_gauge(asked.body("value", "labels", "port"), self.mocks.ports)
        name = self.operations(asked).set_metric(asked.params["name"], given)
        return control_response(200, {"name": name, "value": given.gauge.value})

    def unset_metric(self, asked: ControlRequest) -> HttpResponse:
        """Have it told as before it was set."""
        return control_response(
            200, {"deleted": self.operations(asked).unset_metric(asked.params["name"])}
        )

    def reset(self, asked: ControlRequest) -> HttpResponse:
        """Forget what a session, or for `*` every one, has gathered."""
        self.operations(asked).reset()
        return control_response(200, {"reset": asked.session or None})

    ROUTES: Tuple[ControlRoute, ...] = (
        ControlRoute("GET /", page, "the inspector, a live view for people"),
        ControlRoute(
            "GET /health",
            health,
            "version, uptime, mocks, problems with mock files, `instance` of the server",
        ),
        ControlRoute(
            "GET /requests",
            JournalControl.requests,
            "the journal, newest last; `?unmatched=1`, `?running=1`, `?limit=N`, `?mock=NAME`",
            is_long=True,
        ),
        ControlRoute("DELETE /requests", JournalControl.forget, "empty the journal"),
        ControlRoute(
            "POST /requests/count",
            JournalControl.count,
            '`{"match", "ended"}` → `{"count"}`',
            is_long=True,
        ),
        ControlRoute(
            "POST /requests/wait",
            JournalControl.wait,
            '`{"match", "count", "ended", "timeout"}` → those requests, as soon as they are there; '
            "else 408 with what differed",
            is_long=True,
        ),
        ControlRoute(
            "POST /requests/{id}/release",
            JournalControl.release,
            '`{"events"}`: let gated events out',
        ),
        ControlRoute(
            "GET /requests/live",
            JournalControl.live,
            "the journal as an event stream: `request`, `ended`, `reset`",
        ),
        # Behind the paths that have a word there.
        ControlRoute(
            "GET /requests/{id}",
            JournalControl.request,
            "one request, with its `answer` and a `suggestion`",
            is_long=True,
        ),
        ControlRoute(
            "GET /sessions",
            JournalControl.known_sessions,
            "the sessions, with how many requests and mocks each has",
            is_long=True,
        ),
        ControlRoute(
            "GET /mocks",
            mocks_loaded,
            "what is loaded, in matching order, with use counts",
            is_long=True,
        ),
        ControlRoute(
            "POST /mocks", add, "add one mock or an array of them → 201 with ids", is_long=True
        ),
        ControlRoute("DELETE /mocks", remove_all, "remove those added at run time"),
        ControlRoute("DELETE /mocks/{id}", remove, "remove one of them"),
        ControlRoute(
            "POST /verify",
            JournalControl.verify,
            '`{"unused", "unmatched", "invalid"}` → 200, or 409 with the mocks that were never '
            "used and the requests that no mock answered",
            is_long=True,
        ),
        ControlRoute(
            "POST /reset",
            reset,
            "forget journal, run-time mocks, how often mocks were used, metrics that were set, and "
            "stored responses",
        ),
        ControlRoute("GET /metrics", metrics, "counts for Prometheus"),
        ControlRoute(
            "PUT /metrics/{name}",
            set_metric,
            '`{"value", "labels", "port"}`: set a metric of the model server, on its `/metrics`',
        ),
        ControlRoute("DELETE /metrics/{name}", unset_metric, "have it as before it was set"),
        ControlRoute(
            "GET /wire-plans",
            wire_plans,
            "the named wire plans, so that a test can loop over them",
        ),
        ControlRoute("GET /rules", rules, "what each provider refuses: the rules of `--strict`"),
    )


def one_session(asked: ControlRequest, what: str) -> None:
    """Refuse what would go to all sessions, which would mean those, too, that begin later."""
    if asked.session == EVERY_SESSION:
        raise Refused(400, f"{what} one session, not to *", code="bad_session")


@functools.lru_cache(maxsize=None)
def control_paths() -> Tuple[Tuple[Pattern[str], Mapping[str, ControlRoute]], ...]:
    """The paths below /__mock__, compiled when they are first needed; their routes by method."""
    # By path first, so that a wrong method can be told from a wrong path.
    by_path: Dict[str, Dict[str, ControlRoute]] = {}
    for route in Control.ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    return tuple((re.compile(pattern_of(path)), routes) for path, routes in by_path.items())


def control_route(request: Request) -> Tuple[ControlRoute, Mapping[str, str]]:
    """The route that a request takes, and the placeholders of its path."""
    path = request.path[len(CONTROL_PREFIX) :]
    method = request.method
    if method == "HEAD":  # RFC 9110, 9.3.2: what GET answers; its body is left out at the end
        method = "GET"
    if not path and method == "GET":  # relative links need the slash
        raise Refused(
            308,
            "the inspector is at /__mock__/",
            # Relative, so that it stays below the prefix of a session, or of a gateway.
            headers=(("Location", "__mock__/"),),
            code="moved",
        )
    for pattern, routes in control_paths():
        match = pattern.fullmatch(path)
        if not match:
            continue
        if method in routes:
            params = {name: unquote(text) for name, text in match.groupdict().items()}
            return routes[method], params
        allowed = ", ".join(sorted(routes))
        # RFC 9110, 15.5.6: a 405 says in Allow what would do.
        raise Refused(
            405,
            f"{request.path} takes {allowed}, not {request.method}{below(path, method)}",
            headers=(("Allow", allowed),),
            code="method_not_allowed",
        )
    known = {shown_path(route, path) for route in Control.ROUTES}
    raise Refused(
        404,
        f"unknown control path {shown(request.path)}; {nearest(request.path, known)}",
        code="unknown_path",
    )


def shown_path(route: ControlRoute, path: str = "") -> str:
    """The path of a route as people read it; with what a request has in place of a placeholder, of
    an equally long path, which then is the nearer one."""
    pieces, given = route.path.split("/"), path.split("/")
    for at, piece in enumerate(pieces):
        if piece.startswith("{"):
            pieces[at] = piece[1:-1].upper()
        if piece.startswith("{") and len(given) == len(pieces) and given[at]:
            pieces[at] = shown(given[at])[1:-1]
    return CONTROL_PREFIX + "/".join(pieces)


def below(path: str, method: str) -> str:
    """What is said of a method that a path does not take, but others that begin with it."""
    others = [
        shown_path(route)
        for route in Control.ROUTES
        if route.method == method and route.path.startswith(path.rstrip("/") + "/")
    ]
    return f"; {method} is of {', '.join(others)}" if others else ""
