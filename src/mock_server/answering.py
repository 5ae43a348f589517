"""A request becomes a response: credentials, mocks, fallback, errors in the shape of the
provider."""

from __future__ import annotations

from functools import partial
from typing import List, Mapping, Optional, Tuple, Union

from .answered import Answered, control_refusal
from .brought import HEADER, Brought, brought_along
from .control import Control
from .deliveries import Delivery, Pace
from .errors import BadField, Refused
from .formats.base import WireFormat
from .formats.echo import echoed
from .forms import form_problem, plain_form_of
from .gates import ASIDE, FOREIGN_CODE, Work, done_here
from .guard import Guard
from .ids import share
from .journal import Journal
from .jsons import takes_long
from .judging import against_rules, judged
from .limits import CONTROL_PREFIX, Json
from .memory import Memory, NotedHeaders, written_out
from .mocks.answer import Answer
from .mocks.computing import computed
from .mocks.differences import explained
from .mocks.mock import Found
from .mocks.near import NearMiss
from .mocks.patterns import WATCHDOG, TooLong
from .mocks.sessions import Mocks, Session
from .option_kinds import ALL
from .options import Settings
from .outcomes import Outcome, Usually
from .passing import (
    forwarded_elsewhere,
    forwarded_to,
    forwarded_unread,
    let_go_of_raw,
    way_of,
    with_a_way,
)
from .recording.forwarding import Forwarder
from .records import replace
from .routing import other_like, route, shape_of
from .rules.responses_stored import searches_stored
from .schema import unfit
from .storing import stored_of
from .unowned import OWN_PATHS, PREFLIGHT, is_alike, options_response, with_more
from .values import Call, Failure, HttpResponse, Request
from .violations import that_count
from .weighing import ECHO_TEMPLATE, heavy, is_heavy
from .writing import failed, laid_over, own_failure, respond

MANY_INPUTS = 16  # to embed


class Answerer:
    """Answers requests from mocks; one for all ports of a process."""

    def __init__(
        self,
        mocks: Mocks,
        settings: Settings,
        journal: Optional[Journal] = None,
        forwarder: Optional[Forwarder] = None,
    ) -> None:
        self.mocks, self.settings, self.journal = mocks, settings, journal or Journal()
        self.forwarder = forwarder
        self.memory = Memory()
        self.guard = Guard(settings.credential, mocks.issuer)
        # Where no credential is checked, nothing is to take longer for it.
        self.worked = self.admitted if settings.credential else self.fresh
        if forwarder:
            self.checked, self.worked = self.worked, self.forgetful

    def answer(self, request: Request) -> Answered:
        """The response to a request, however long it takes."""
        self.mocks.files.refresh()
        return done_here(self.answering(request))

    def answering(self, request: Request) -> Work[Answered]:
        """Work that gives the response to a request, whatever it is; from memory, if it came
        before.  The mocks are those that were read from files last."""
        if takes_long(request.body):
            yield ASIDE
        if request.path.startswith(CONTROL_PREFIX):
            control = Control(self.mocks, self.journal, self.settings)
            return (yield from control.answering(request))
        session = self.mocks.session(request.session)
        brought = request.headers.get("x-mock-response")
        if brought is not None:
            if heavy(brought, request):
                yield ASIDE
            return written_out((yield from self.worked(request, session)))
        generation = self.mocks.generation
        key = self.memory.key(request, generation)
        known = self.memory.answers.get(key)
        if known is None and not self.memory.seen.has(key):
            return written_out((yield from self.worked(request, session)))
        if known is None:
            # An answer is remembered with the headers that it was asked for while it was made.
            headers = NotedHeaders(request.headers)
            answered = yield from self.worked(request.with_headers(headers), session)
            answered = written_out(answered)
            self.memory.keep(request, generation, headers.noted, answered)
            return answered
        if known.uses:  # a remembered answer is a use, too
            with known.uses.lock:
                known.uses.count += 1
        return known

    def forgetful(self, request: Request, session: Session) -> Work[Answered]:
        """Work that gives the response to a request, without the bytes that may be forwarded."""
        return let_go_of_raw((yield from self.checked(request, session)))

    def admitted(self, request: Request, session: Session) -> Work[Answered]:
        """Work that gives the response to a request, if its credential is not wrong."""
        bare = request
        if not self.forwarder:  # nobody is to keep what is looked at here alone
            bare = replace(request, raw=None)
        try:
            wire, params = route(bare, self.settings.ports)
        except Refused:  # no provider has the path, and nobody asks there
            return (yield from self.fresh(bare, session))
        finding = self.guard.finding(wire, request)
        if finding is None:
            return (yield from self.fresh(bare, session))
        if finding.failure:
            answered = self.fail(wire, wire.begun(bare, params), finding.failure)
            # AWS's sentence names headers that are signed, a session's token among them.
            answered = replace(answered, note=finding.note)
        else:
            answered = yield from self.fresh(bare, session)
        lasts = answered.is_repeatable and finding.is_lasting
        return replace(answered, auth=finding.auth, is_repeatable=lasts)

    def fresh(self, request: Request, session: Session) -> Work[Answered]:
        """Work that gives the response to a request, worked out."""
        # Whoever owns the path: a browser asks what may be done (Fetch, "CORS protocol").
        if request.method == "OPTIONS" and PREFLIGHT in request.headers:
            return Answered(options_response(request))
        try:
            wire, params = route(request, self.settings.ports)
        except Refused as refused:
            return (yield from self.elsewhere(request, session, refused))
        try:
            if self.settings.require_auth and wire.credentials and not wire.credential(request):
                failure = wire.unauthorized(request)
                return self.fail(wire, wire.begun(request, params), failure)
            try:
                call = wire.read(request, params, self.body(wire, request))
            except (BadField, Refused) as wrong:
                return (yield from self.unread(wire, request, params, wrong, self.forwarder))
            if len(call.inputs) > MANY_INPUTS or call.schema is not None:
                yield ASIDE
            return (yield from self.reply(wire, call, session))
        except BadField as wrong:  # which an answer can't be made of
            return (yield from self.unread(wire, request, params, wrong, None))
        except Refused as refused:
            # The next use of the mock, or what the session remembers then, may be no reason to.
            return replace(self.refuse(request, refused), is_repeatable=False)

    def unread(
        self,
        wire: WireFormat,
        request: Request,
        params: Mapping[str, str],
        wrong: Union[BadField, Refused],
        forwarder: Optional[Forwarder],
    ) -> Work[Answered]:
        """Work that gives the answer to a request that can't be read: the rule's that it breaks,
        where that is refused; the provider's, who may be able to; or the server's own."""
        call = wire.begun(request, params)
        if isinstance(wrong, BadField):
            call, _ = judged(wire, call, self.body(wire, request), self.settings.strict, None)
            if self.settings.strict and that_count(call.violations):
                return against_rules(wire, call, Delivery())
        if forwarder:
            sent = forwarded_unread(forwarder, wire, call, self.settings.seed, str(wrong))
            if sent:
                return (yield from sent)
        if isinstance(wrong, Refused):
            raise wrong
        return self.fail(wire, call, wire.complaint(wrong))

    def elsewhere(self, request: Request, session: Session, refused: Refused) -> Work[Answered]:
        """Work that gives the answer to what no provider has, a path or a method of one: that of a
        mock, else the server's own, or why it has none."""
        wire = other_like(shape_of(request, self.settings.ports))
        call = wire.read(request, {}, wire.body(request))
        try:
            brought = brought_along(call, self.settings.seed)
            given, is_repeatable = yield from self.given(wire, call, session, brought)
            if not given and self.forwarder:
                sent = forwarded_elsewhere(self.forwarder, wire, call, refused, brought)
                given = (yield from sent) if sent else None
        except Refused as wrong:
            return self.refuse(request, wrong)
        if given:
            return given
        if request.method == "OPTIONS":
            answered = Answered(options_response(request))
        elif request.path in OWN_PATHS and request.method in ("GET", "HEAD"):
            answered = Answered(OWN_PATHS[request.path])
        else:
            near = yield from self.near(wire, call, session)
            is_repeatable = is_repeatable and all(miss.mock.is_repeatable for miss in near)
            near = [miss for miss in near if is_alike(miss)]
            told = with_more(refused, near, session.not_reloaded)
            told = with_a_way(self.forwarder, told, request.path)
            answered = self.refuse(request, told)
            misses = tuple(miss.json() for miss in near)
            answered = replace(answered, call=call, wire=wire, near=misses, unmatched=True)
        response = answered.response
        delivery = self.drawn(brought.laid_over(response.delivery), "fallback/0")
        headers = laid_over(response.headers, delivery.headers)
        response = replace(response, headers=headers, delivery=delivery)
        return replace(answered, response=response, is_repeatable=is_repeatable)

    @staticmethod
    def body(wire: WireFormat, request: Request) -> Json:
        """The body as JSON, or as the fields of a form; only a POST has one."""
        if request.method != "POST" or not wire.takes_body:
            return None
        if wire.takes_form:
            kind = request.headers.get("content-type", "")
            if wire.takes_plain_form:
                plain = plain_form_of(kind, request.body)
                if plain is not None:
                    return plain
            problem = form_problem(kind, request.body, request.form)
            if problem:
                raise Refused(400, wire.bad_form.format(problem))
            return request.form
        try:
            return request.json
        except ValueError as error:
            detail = str(error) if request.body else wire.no_body
            raise Refused(400, wire.bad_json.format(detail)) from None

    def refuse(self, request: Request, refused: Refused) -> Answered:
        """An error of the server itself, in the shape of the provider whose path it is or nearly
        is."""
        if request.path.startswith(CONTROL_PREFIX):
            return control_refusal(refused)
        wire = shape_of(request, self.settings.ports)
        answered = self.fail(wire, wire.begun(request, {}), own_failure(wire, refused))
        headers = answered.response.headers + refused.headers
        return replace(answered, response=replace(answered.response, headers=headers))

    def fail(self, wire: WireFormat, call: Call, failure: Failure) -> Answered:
        """An error in the provider's shape, for a request that could not be read as far as a
        mock."""
        failure = wire.completed(call, failure)
        response = failed(wire, call, failure, Delivery())
        return Answered(response, call, note=failure.message, wire=wire)

    def reply(self, wire: WireFormat, call: Call, session: Session) -> Work[Answered]:
        """Work that gives the answer that the request brings along, of the first mock that matches,
        or of the fallback."""
        if wire.is_stateful:
            call = wire.informed(call, session.state)
            if wire.takes_long(call, session.state):
                yield ASIDE
        if searches_stored(call, session.state, self.settings.strict == ALL):
            yield ASIDE
        call, lasts = judged(wire, call, call.body, self.settings.strict, session.state)
        brought = brought_along(call, self.settings.seed)
        given, is_repeatable = yield from self.given(wire, call, session, brought)
        is_repeatable = is_repeatable and lasts
        if given:
            return given if lasts else replace(given, is_repeatable=False)
        if self.settings.strict and not call.valid:
            return self.refused(wire, call, brought, is_repeatable)
        sent = self.forwarder and forwarded_to(self.forwarder, wire, call, session.state, brought)
        if sent:
            return (yield from sent)
        # Where no mock is needed there is nothing to miss.
        if wire.needs_mock:
            echoes = self.settings.fallback == "echo" or brought.has_fault
            if not (wire.speaks and echoes):
                return (yield from self.miss(wire, call, session, is_repeatable))
        if heavy(ECHO_TEMPLATE, call.request, call.choices):
            yield ASIDE
        delivery = self.drawn(brought.laid_over(Delivery()), "fallback/0")
        outcome = self.usual(wire, session, call)
        response = self.response(wire, call, session, outcome, 200, delivery)
        is_repeatable = is_repeatable and not wire.changes(call)
        if not wire.needs_mock:
            note = outcome.message if isinstance(outcome, Failure) else ""
            return Answered(response, call, note=note, wire=wire, is_repeatable=is_repeatable)
        return Answered(
            response, call, note="echo", wire=wire, is_repeatable=is_repeatable, unmatched=True
        )

    def given(
        self, wire: WireFormat, call: Call, session: Session, brought: Brought
    ) -> Work[Tuple[Optional[Answered], bool]]:
        """Work that gives the answer that the request brings along, or that of the first mock that
        matches, if there is one; and whether an equal call will find the same."""
        strict = self.settings.strict
        if brought.answer:
            if strict and not call.valid:
                return self.refused(wire, call, brought, True), True
            if call.choices > 1:  # each says what was weighed once, before it was read
                yield ASIDE
            return self.own_answer(wire, call, session, brought.answer), False
        try:
            with WATCHDOG.hurried():
                found, is_repeatable = session.find(call, wire, self.settings.seed, strict)
        except TooLong:
            yield ASIDE
            found, is_repeatable = session.find(call, wire, self.settings.seed, strict)
        if found is None:
            return None, is_repeatable
        call = found.call
        if found.is_refusal:
            return self.refused(found.wire, call, brought, is_repeatable), is_repeatable
        if found.answer.function:
            yield FOREIGN_CODE
            found = computed(found, self.mocks.files)
        elif is_heavy(found, call):
            yield ASIDE
        return self.mocked(wire, call, session, found, brought, is_repeatable), is_repeatable

    def refused(
        self, wire: WireFormat, call: Call, brought: Brought, is_repeatable: bool
    ) -> Answered:
        """The provider's refusal of a call that breaks its rules, delivered as the request asks."""
        delivery = self.drawn(brought.laid_over(Delivery()), "strict/0")
        return against_rules(wire, call, delivery, is_repeatable and not brought.fields)

    @staticmethod
    def near(wire: WireFormat, call: Call, session: Session) -> Work[List[NearMiss]]:
        """Work that gives the mocks that came nearest to matching."""
        try:
            with WATCHDOG.hurried():
                return session.near(call, wire)
        except TooLong:
            yield ASIDE
            return session.near(call, wire)

    @staticmethod
    def usual(wire: WireFormat, session: Session, call: Call) -> Usually:
        """What an API answers where no mock says it."""
        own = wire.own(call, session.state)
        return echoed(call) if own is None else own

    @staticmethod
    def response(
        wire: WireFormat,
        call: Call,
        session: Session,
        outcome: Outcome,
        status: int,
        delivery: Delivery,
    ) -> HttpResponse:
        """An outcome in the provider's bytes, and stored, where that can be asked for later."""
        response = respond(wire, call, outcome, status, delivery)
        if wire.stores:
            stored = stored_of(wire, call, outcome, status)
            if stored:
                session.state.store(stored)
        return response

    def own_answer(
        self, wire: WireFormat, call: Call, session: Session, answer: Answer
    ) -> Answered:
        """The answer that the request brings along."""
        lacking = answer.lacks(wire, call)
        if lacking:
            message = f"{HEADER} can't answer this request: {explained(lacking)}"
            raise Refused(400, message, code="bad_mock_response")
        outcome = answer.to(call, {}, partial(self.usual, wire, session))
        delivery = self.drawn(answer.delivery, "header/0")
        response = self.response(wire, call, session, outcome, answer.status, delivery)
        # The same header draws the same, so that the same request gets the same.
        return Answered(response, call, HEADER, unfit(call, outcome), wire)

    def mocked(
        self,
        wire: WireFormat,
        call: Call,
        session: Session,
        found: Found,
        brought: Brought,
        is_repeatable: bool,
    ) -> Answered:
        """The answer of a mock."""
        outcome = found.answer.to(call, found.groups, partial(self.usual, wire, session))
        use = f"{found.mock.place}/{found.used}"
        delivery = self.drawn(brought.laid_over(found.answer.delivery), use)
        status = found.answer.status
        response = self.response(found.wire, call, session, outcome, status, delivery)
        if found.limit:
            headers = laid_over(response.headers, found.wire.limit_headers(found.limit))
            response = replace(response, headers=laid_over(headers, delivery.headers))
        note = found.problem or unfit(call, outcome)
        # What the request itself brings along may draw for each use anew.
        is_repeatable = is_repeatable and not brought.fields and not wire.changes(call)
        return Answered(
            response,
            call,
            found.mock.name,
            note,
            wire,
            found.uses,
            is_repeatable,
            unmatched=bool(found.problem),
        )

    def miss(
        self, wire: WireFormat, call: Call, session: Session, is_repeatable: bool
    ) -> Work[Answered]:
        """Work that gives a 404 that explains: its message names the closest mock, and beside the
        provider's members lie the near misses."""
        near = yield from self.near(wire, call, session)
        why = session.explain(near)
        hint = session.hint + way_of(self.forwarder, wire)
        missed = Refused(404, f"{why}; {hint}", code="mock_not_found")
        failure = wire.completed(call, own_failure(wire, missed))
        misses = [miss.json() for miss in near]
        response = failed(wire, call, failure, Delivery(), {"near_misses": misses})
        note = "; then ".join([why, *(miss.sentence for miss in near[1:])])
        is_repeatable = is_repeatable and all(miss.mock.is_repeatable for miss in near)
        return Answered(
            response,
            call,
            note=note,
            wire=wire,
            is_repeatable=is_repeatable,
            near=tuple(misses),
            unmatched=True,
        )

    def drawn(self, delivery: Delivery, use: str) -> Delivery:
        """A delivery with the server's pace where it sets none of its own, a seed for each use, and
        its fault only if the draw for this use will have it."""
        own = self.settings.pace
        if not (delivery.pace or delivery.fault or own):
            return delivery
        pace, fault = delivery.pace, delivery.fault
        if pace is None or (pace.is_recorded and own is not None):
            pace = Pace(between=own or 0.0)
        if pace.jitter:
            pace = replace(pace, seed=f"{self.settings.seed}/{use}")
        if fault and share(f"{self.settings.seed}/{use}/fault") >= fault.probability:
            fault = None
        return replace(delivery, pace=pace, fault=fault)
