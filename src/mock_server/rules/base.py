"""A rule is a row of a table, a book is the rules of one API; what a request breaks of them.

Pure.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from ..formats.base import WireFormat
from ..limits import Json
from ..records import record
from ..state import State
from ..values import Call, Failure
from ..violations import Violation, Violations
from .fields import FieldFault, Shape

MOST_VIOLATIONS = 20  # that are told of one request
LONGEST_QUOTE = 500  # characters of the request that a sentence says
ONLY_IF_ASKED = "off"  # the default of a rule that few want to be told of

# What a model may be called with before its own name: a publisher, a region, a path.
MODEL_PREFIX = re.compile(
    r"(?:.*/)?(?:(?:us|eu|apac|global|us-gov|jp|au|ca)\.)?"
    r"(?:anthropic\.|meta\.|mistral\.|amazon\.)?"
)


def bare_model(model: str) -> str:
    """The name of a model without what hosts put before it (request rules, 4.1)."""
    return known_bare_model(model[:LONGEST_QUOTE])  # what is remembered is no longer than that


@functools.lru_cache(maxsize=256)
def known_bare_model(model: str) -> str:
    """The same of a name that is not too long."""
    found = MODEL_PREFIX.match(model)
    return model[found.end() if found else 0 :]


class Case:
    """A request as rules look at it: `body` is its JSON, which need not have been readable,
    `model` as it was sent and `name` without what hosts put before it.  `state` is what the session
    remembers; `asks_state` becomes true where a rule looked at that."""

    __slots__ = (
        "wire",
        "request",
        "params",
        "body",
        "model",
        "name",
        "state",
        "asks_state",
    )

    def __init__(self, wire: WireFormat, call: Call, body: Json, state: Optional[State]) -> None:
        self.wire, self.request, self.params, self.body = wire, call.request, call.params, body
        model: Any = call.model
        if not model and isinstance(body, dict):
            model = body.get("model")
        self.model: str = model if isinstance(model, str) else ""
        self.name = bare_model(self.model)
        self.state = state
        self.asks_state = False

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request, by lower-case name."""
        return self.request.headers


class Finding(NamedTuple):
    """One place where a rule is broken, and what its sentence says of it; `param`, `code` and
    `sentence` are the rule's where they are None.  A finding of a Sweep names its `rule`."""

    place: str
    values: Mapping[str, object] = {}
    param: Optional[str] = None
    code: Optional[str] = None
    sentence: Optional[str] = None
    rule: str = ""


Check = Callable[[Any], Iterable[Finding]]


@record
class Rule:
    """One row.

    `check` gives the places where a request breaks it, of what the book makes of the body; a rule
    without one is told by the fields.  `sentence` has {names} for what is said of a place, `param`
    likewise, with {place} for the place itself.  `needs` are members of the body: without one of
    them there is nothing to check.  `models` is a regular expression that finds something in the
    names of the models for which it holds.  `status` to `type` are the error's.  What is wrong with
    the head of a request comes `early`, before the fields; its check looks at the case itself."""

    id: str
    sentence: str
    source: str
    check: Optional[Check] = None
    default: str = "on"
    needs: Tuple[str, ...] = ()
    models: str = ""
    status: int = 400
    code: Optional[str] = None
    param: Optional[str] = None
    type: Optional[str] = None
    early: bool = False

    def violation(self, finding: Finding) -> Violation:
        """What is said of a place where it is broken."""
        values = {name: quoted_briefly(value) for name, value in finding.values.items()}
        # Names of the client's own are in paths, and an error in its journal is not to be as long.
        place = values["place"] = quoted_briefly(finding.place)
        param = self.param if finding.param is None else finding.param
        if param is not None:
            param = param.format(**values)
        sentence = self.sentence if finding.sentence is None else finding.sentence
        code = self.code if finding.code is None else finding.code
        text = sentence.format(**values)
        return Violation(self.id, place, text, self.status, code, param, self.type, self.default)

    def holds_for(self, model: str) -> bool:
        """Whether it holds for a model."""
        return not self.models or bool(re.search(self.models, model))


@record
class Sweep:
    """A check that finds in one go what breaks several rows, at its place among the rules."""

    check: Check
    needs: Tuple[str, ...] = ()


def quoted_briefly(value: object) -> str:
    """What a sentence says of a request, as much of it as is told."""
    text = str(value)
    if len(text) <= LONGEST_QUOTE:
        return text
    return text[:LONGEST_QUOTE] + "..."


Voice = Callable[[FieldFault], Tuple[str, Finding]]
ToldAs = Callable[[Violations], Failure]


def first_alone(violations: Violations) -> Failure:
    """The error of a provider that tells one thing at a time."""
    first = violations[0]
    return Failure(first.status, first.message, type=first.type, code=first.code, param=first.param)


class Book:
    """The rules of one API of a provider, in the order in which it checks them.

    `shape` is what the body may be, `voice` says which rule a fault of it breaks and in which
    words; `view` makes of a case what the rules look at, and may say what is `present` there for
    rules to need beside the members of the body; `refusal` makes an error of what is broken."""

    def __init__(
        self,
        provider: str,
        api: str,
        rules: Sequence[Union[Rule, Sweep]],
        shape: Optional[Shape] = None,
        voice: Optional[Voice] = None,
        view: Callable[[Case], Any] = lambda case: case,
        refusal: ToldAs = first_alone,
    ) -> None:
        self.provider, self.api, self.rows = provider, api, tuple(rules)
        self.shape, self.voice, self.view, self.refusal = shape, voice, view, refusal
        self.rules = tuple(row for row in self.rows if isinstance(row, Rule))
        self.by_id: Dict[str, Rule] = {rule.id: rule for rule in self.rules}
        self.early = tuple(rule for rule in self.rules if rule.early)
        self.needed = frozenset(name for row in self.rows for name in row.needs)
        # By the model, whether rules that are off hold, too, and what there is of `needed`.
        self.due = functools.lru_cache(maxsize=256)(self.checks_for)

    def holds(self, rule: Rule, model: str, every: bool) -> bool:
        """Whether a rule is asked for and holds for a model."""
        return (every or rule.default != ONLY_IF_ASKED) and rule.holds_for(model)

    def checks_for(
        self, model: str, every: bool, there: FrozenSet[str]
    ) -> List[Tuple[Optional[Rule], Check]]:
        """What to check behind the fields for a model, with the rule that it tells of."""
        found: List[Tuple[Optional[Rule], Check]] = []
        for row in self.rows:
            if row.check is None or not there.issuperset(row.needs):
                continue
            if isinstance(row, Sweep):
                found.append((None, row.check))
            elif self.holds(row, model, every) and not row.early:
                found.append((row, row.check))
        return found

    def broken(self, case: Case, every: bool) -> Violations:
        """What a request breaks, in order; at most MOST_VIOLATIONS."""
        return tuple(itertools.islice(self.all_broken(case, every), MOST_VIOLATIONS))

    def all_broken(self, case: Case, every: bool) -> Iterator[Violation]:
        """All that a request breaks: what is wrong with its head, with its fields, then the rows in
        order."""
        body = case.body
        for rule in self.early:
            if rule.check is not None and self.holds(rule, case.name, every):
                yield from map(rule.violation, rule.check(case))
        if self.shape is not None and not self.shape.fits(body):
            yield from self.wrong_fields(case, every)
        if not isinstance(body, dict):
            return
        view = self.view(case)
        present = self.needed.intersection(getattr(view, "present", body))
        for row, check in self.due(case.name, every, present):
            for finding in check(view):
                told = row or self.by_id.get(finding.rule)
                if told is not None and (row or self.holds(told, case.name, every)):
                    yield told.violation(finding)

    def wrong_fields(self, case: Case, every: bool) -> Iterator[Violation]:
        """What is wrong with the fields."""
        if self.shape is None or self.voice is None:
            return
        for fault in self.shape.faults(case.body):
            id, finding = self.voice(fault)
            rule = self.by_id.get(id)
            if rule is not None and self.holds(rule, case.name, every):
                yield rule.violation(finding)

    def only(self, ids: Iterable[str]) -> "Book":
        """A book of the same API with some of the rules, and without sweeps."""
        wanted = frozenset(ids)
        rules = [rule for rule in self.rules if rule.id in wanted]
        return Book(self.provider, self.api, rules, self.shape, self.voice, self.view, self.refusal)
