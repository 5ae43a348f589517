"""What an API answers where no mock does.  Pure."""

from __future__ import annotations

from typing import Optional

from ..outcomes import Usually
from ..state import State
from ..values import Call


class Unmocked:
    """What a wire format answers by itself."""

    needs_mock = True  # else it answers by itself, unless a mock asks for it
    is_stateful = False  # whether that depends on more than the request
    stores = False  # whether what is answered can be asked for later, by its id

    def changes(self, call: Call) -> bool:
        """Whether an equal call may get another answer, or do more than get it."""
        return self.is_stateful

    def informed(self, call: Call, state: State) -> Call:
        """A call with what the session remembers of the thing that it is about."""
        return call

    def takes_long(self, call: Call, state: State) -> bool:
        """Whether it may take long to tell that."""
        return False

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What is answered without a mock, from what the session remembers; None for an echo."""
        return None
