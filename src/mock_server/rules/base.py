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
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
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
ONLY_IF_ASKED, BY_MODEL = "off", "mod"  # defaults of rules, beside on and NOTED

# What a model may be called with before its own name: a publisher, a region, a path.
MODEL_PREFIX = re.compile(
    r"(?:.*/)?(?:(?:us|eu|apac|global|us-gov|jp|au|ca)\.)?"
    r"(?:anthropic\.|meta\.|mistral\.|amazon\.)?"
)


@functools.lru_cache(maxsize=256)
def bare_model(model: str) -> str:
    """The name of a model without what hosts put before it (request rules, 4.1)."""
    found = MODEL_PREFIX.match(model[:LONGEST_QUOTE])
    return model[found.end() if found else 0 : LONGEST_QUOTE]


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
    `sentence` are the rule's where they are None."""

    place: str
    values: Mapping[str, object] = {}
    param: Optional[str] = None
    code: Optional[str] = None
    sentence: Optional[str] = None


Check = Callable[[Any], Iterable[Finding]]


@record
class Rule:
    """One row.

    `check` gives the places where a request breaks it, of what the book makes of the body; a rule
    without one is told by the fields.  `sentence` has {names} for what is said of a place, `param`
    likewise, with {place} for the place itself.  `needs` are members of the body: without one of
    them there is nothing to check.  `models` is a regular expression that finds something in the
    names of the models for which it holds.  `status` to `type` are the error's."""

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

    def violation(self, finding: Finding) -> Violation:
        """What is said of a place where it is broken."""
        values = {name: quoted_briefly(value) for name, value in finding.values.items()}
        values["place"] = finding.place
        param = self.param if finding.param is None else finding.param
        if param is not None:
            param = param.format(**values)
        sentence = self.sentence if finding.sentence is None else finding.sentence
        code = self.code if finding.code is None else finding.code
        text = sentence.format(**values)
        return Violation(
            self.id, finding.place, text, self.status, code, param, self.type, self.default
        )

    def holds_for(self, model: str) -> bool:
        """Whether it holds for a model."""
        return not self.models or bool(re.search(self.models, model))


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
    words; `view` makes of a case what the rules look at, `refusal` an error of what is broken."""

    def __init__(
        self,
        provider: str,
        api: str,
        rules: Sequence[Rule],
        shape: Optional[Shape] = None,
        voice: Optional[Voice] = None,
        view: Callable[[Case], Any] = lambda case: case,
        refusal: ToldAs = first_alone,
    ) -> None:
        self.provider, self.api, self.rules = provider, api, tuple(rules)
        self.shape, self.voice, self.view, self.refusal = shape, voice, view, refusal
        self.by_id: Dict[str, Rule] = {rule.id: rule for rule in self.rules}
        # By the model and whether rules that are off hold, too.
        self.due = functools.lru_cache(maxsize=64)(self.rules_for)

    def rules_for(self, model: str, every: bool) -> List[Tuple[Rule, Check, FrozenSet[str]]]:
        """The rules to check for a model."""
        return [
            (rule, rule.check, frozenset(rule.needs))
            for rule in self.rules
            if rule.check and (every or rule.default != ONLY_IF_ASKED) and rule.holds_for(model)
        ]

    def broken(self, case: Case, every: bool) -> Violations:
        """What a request breaks, in order; at most MOST_VIOLATIONS."""
        found: List[Violation] = []
        body = case.body
        if self.shape is not None and not self.shape.fits(body):
            found = list(itertools.islice(self.wrong_fields(case, every), MOST_VIOLATIONS))
        if isinstance(body, dict):
            view = self.view(case)
            for rule, check, needs in self.due(case.name, every):
                if needs <= body.keys():
                    left = MOST_VIOLATIONS - len(found)
                    findings = itertools.islice(check(view), left)
                    found += [rule.violation(finding) for finding in findings]
        return tuple(found)

    def wrong_fields(self, case: Case, every: bool) -> Iterable[Violation]:
        """What is wrong with the fields."""
        if self.shape is None or self.voice is None:
            return
        for fault in self.shape.faults(case.body):
            id, finding = self.voice(fault)
            rule = self.by_id.get(id)
            if rule is None:
                continue
            if (every or rule.default != ONLY_IF_ASKED) and rule.holds_for(case.name):
                yield rule.violation(finding)

    def only(self, ids: Iterable[str]) -> "Book":
        """A book of the same API with some of the rules."""
        wanted = frozenset(ids)
        rules = [rule for rule in self.rules if rule.id in wanted]
        return Book(self.provider, self.api, rules, self.shape, self.voice, self.view, self.refusal)
