"""What a provider would say of a request that breaks one of its rules.  Touches nothing."""

from __future__ import annotations

from typing import Dict, Iterable, Optional, Tuple

from .limits import Json
from .records import record

NOTED = "jrn"  # the default of a rule that is only ever noted


@record
class Violation:
    """One rule that a request breaks: `place` is the path to it as its provider writes one,
    `message` and the members behind it are what its error says, `default` is the rule's (on, mod,
    off, or jrn for one that is only ever noted)."""

    rule: str
    place: str
    message: str
    status: int = 400
    code: Optional[str] = None
    param: Optional[str] = None
    type: Optional[str] = None
    default: str = "on"

    @property
    def counts(self) -> bool:
        """Whether the provider refuses for it, as far as is known."""
        return self.default != NOTED

    def json(self) -> Dict[str, Json]:
        """What the journal shows; of one that is only noted also that."""
        shown: Dict[str, Json] = {
            "rule": self.rule,
            "place": self.place,
            "message": self.message,
            "status": self.status,
        }
        if not self.counts:
            shown["default"] = self.default
        return shown


Violations = Tuple[Violation, ...]


def that_count(violations: Iterable[Violation]) -> Violations:
    """Those for which the provider refuses."""
    return tuple([one for one in violations if one.default != NOTED])
