"""The option --credential: whose credential is which, in words that never show one.

Touches nothing.
"""

from __future__ import annotations

import re
from typing import List

from .errors import MISSING, nearest
from .limits import CREDENTIAL_NAMES
from .node import Written

# What can stand in a header, and come out of it as it went in (RFC 9110, 5.5).
KEY = re.compile(r"[\x21-\x7e]+")
PAIR = re.compile(r"[A-Za-z][\w-]*=.")  # what begins a pair, where several are in one text
ACCESS_KEY_AND_SECRET = re.compile(r"[^:/,=]+:[^:]+")
EXPECTED = (
    "expected NAME=VALUE, such as openai=sk-test, the value of printable ASCII without spaces "
    "(what was found may be secret, and is not shown)"
)


class GivenCredential(str):
    """`openai=sk-test`: a text, of which a debugger or a traceback shows only whose it is."""

    __slots__ = ()

    @property
    def holder(self) -> str:
        """Whose it is."""
        return self.partition("=")[0]

    @property
    def key(self) -> str:
        """The credential itself."""
        return self.partition("=")[2]

    def __repr__(self) -> str:
        return f"'{self.holder}=***'"


def checked_credential(node: Written) -> GivenCredential:
    """Whose credential is which.  No error says what was found, not even in its attributes."""
    hidden = node.replaced(MISSING)
    if not isinstance(node.value, str):
        hidden.fail(EXPECTED)
    found = GivenCredential(node.value)
    if not KEY.fullmatch(found.key):
        hidden.fail(EXPECTED)
    if found.holder == "ollama":
        hidden.fail("Ollama asks for no credential")
    if found.holder not in CREDENTIAL_NAMES:
        # What stands before the first = may be a piece of a secret, too.
        hidden.fail(f"the NAME of NAME=VALUE is unknown; {nearest(found.holder, CREDENTIAL_NAMES)}")
    has_colon = found.holder == "bedrock" and ":" in found.key
    if has_colon and not ACCESS_KEY_AND_SECRET.fullmatch(found.key):
        hidden.fail("expected bedrock=ACCESSKEY:SECRET, or bedrock=KEY without a colon")
    return found


def separated_credentials(text: str, separator: str) -> List[str]:
    """The pairs of an environment variable: what follows the path separator and is no NAME=VALUE
    belongs to the one before it, as AWS's secrets do."""
    found: List[str] = []
    for piece in text.split(separator):
        if PAIR.match(piece) or not found:
            found.append(piece)
        elif piece or found[-1].startswith("bedrock="):  # whose secret may be missing
            found[-1] += separator + piece
    return [one for one in found if one]
