"""What is a key because of where it is sent or typed: a line of a head, a URL, a command.

Touches nothing; takes linear time, as `key_places` does.
"""

from __future__ import annotations

from typing import List

from .key_places import (
    PLACEHOLDER,
    Span,
    ascii_pattern,
    has_digits,
    looks_random,
    named_keys,
    names_credential,
    names_identity,
    plain_name,
    told_keys,
)
from .secrets import SECRET

# --- bearers, and what is in URLs ---

BEARER_KEY = r"bearer[ \t]{1,4}(?:bearer[ \t]{1,4}){0,2}(?=([\w.~+/=-]{8,400}))"
BEARER_REST = r"[\w.~+/=-]*"
USERS = r"://(?=([^/?#\s\"'<>@:\\`]{0,200}:[^/?#\s\"'<>@\\`]{1,400})@)"
TOKEN_USERS = r"://(?=([\w.~+=-]{16,400})@)"
QUERY_SECRET = r"[?&;]([A-Za-z0-9_.-]{1,60})=(?=([^?&#\s\"'`<>\\)\]}]{1,400}))"
QUERY_REST = r"[^&#\s\"'`<>\\)\]}]*"


def sent_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys in the lines of a head, in URLs and their queries."""
    found: List[Span] = []
    if "bearer" in lowered:
        for match in ascii_pattern(BEARER_KEY).finditer(lowered):
            value = text[match.start(1) : match.end(1)]
            if is_bearer(value):
                found.append(ended(text, match.end(), BEARER_REST))
    if "://" in text and "@" in text:
        users = ascii_pattern(USERS).finditer(text)
        found += (one.span(1) for one in users if not is_example_user(one.group(1)))
        found += (
            one.span(1)
            for one in ascii_pattern(TOKEN_USERS).finditer(text)
            if has_digits(one.group(1))
        )
    if "=" in text and ("?" in text or "&" in text):
        for match in ascii_pattern(QUERY_SECRET).finditer(text):
            if is_query_secret(match.group(1), match.group(2)):
                found.append(ended(text, match.end(), QUERY_REST))
    return found


EXAMPLE_USER = r"(?i)(?:user(?:name)?|usr|login|name):(?:pass(?:word|wd)?|pwd?)|\*+:\*+"


def is_example_user(pair: str) -> bool:
    """Whether a user and a password stand for those of others, or are still to be put in."""
    if ascii_pattern(EXAMPLE_USER).fullmatch(pair):
        return True
    password = pair.partition(":")[2]
    return password[:1] in "{$%<[" or ascii_pattern(r"\*+").fullmatch(password) is not None


def ended(text: str, start: int, rest: str) -> Span:
    """Where something is that begins here, but for the full stop of a sentence behind it."""
    match = ascii_pattern(rest).match(text, start)
    assert match
    return start, start + len(match.group().rstrip(".,"))


def is_bearer(value: str) -> bool:
    """Whether what follows `Bearer` is a token, and not a word."""
    return has_digits(value) or (len(value) >= 16 and not value.isupper() and "_" not in value)


def is_query_secret(name: str, value: str) -> bool:
    """Whether a parameter of a URL is a credential."""
    if ascii_pattern(PLACEHOLDER).match(value):
        return False
    if names_credential(name) or plain_name(name) in ("key", "token", "sig", "signature"):
        return len(value) >= 4 and (has_digits(value) or len(value) >= 12)
    return looks_random(value) and bool(SECRET.fullmatch(name))


COOKIES = r"cookie2?\\{0,3}[\"'`]?[ \t]{0,4}[:=][ \t]{0,4}\\{0,3}[\"'`]?(?=[\w.-]{1,60}=)"
COOKIE = r"([\w.-]{1,60})=([^\s;,\"'`<>\\]*)(?:;[ \t]{0,2})?"
COOKIE_ENDS = ("session", "sessionid", "sid", "sess", "token", "auth", "csrf", "jwt")
ATTRIBUTES = frozenset(("path", "expires", "maxage", "domain", "samesite", "version"))
MOST_COOKIES = 50  # of one header


def cookies_sent(text: str, lowered: str) -> List[Span]:
    """Where there are cookies in a head's line, their names aside."""
    found: List[Span] = []
    at = 0
    for match in ascii_pattern(COOKIES).finditer(lowered):
        if match.end() < at:
            continue
        at = match.end()
        for _ in range(MOST_COOKIES):
            one = ascii_pattern(COOKIE).match(text, at)
            if not one:
                break
            if is_cookie(one.group(1), one.group(2)):
                found.append(one.span(2))
            at = one.end()
    return found


def is_cookie(name: str, value: str) -> bool:
    """Whether this is the secret of a cookie, and no attribute of one."""
    plain = plain_name(name)
    if plain in ATTRIBUTES or ascii_pattern(PLACEHOLDER).match(value):
        return False
    if plain.endswith(COOKIE_ENDS):
        return len(value) >= 3
    return len(value) >= 16 or (len(value) >= 6 and has_digits(value))


OPTION = (
    r"(?<![\w-])--?([a-z-]{0,30}(?:key|token|secret|password|passwd))[ \t]{1,4}[\"']?"
    r"(?=([^\s\"'`<>|;&]{8,400}))"
)
OPTION_WORDS = ("key", "token", "secret", "passw")
USER_OPTION = (
    r"(?<![\w-])(?:-u|--user|--proxy-user)[ =]{1,4}[\"']?(?=([^\s\"':]{1,100}:[^\s\"']{4,200}))"
)
# Of a netrc.
LOGIN = r"login[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4}password[ \t\n]{1,4}(?=([^\s\"'{}\\]{4,200}))"


TYPED_REST = r"[^\s\"'`<>|;&{}\\]*"


def typed_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys in what is typed at a prompt, or read by programs in its place."""
    found: List[Span] = []
    if "-" in text and any(word in lowered for word in OPTION_WORDS):
        for match in ascii_pattern(OPTION).finditer(lowered):
            value = text[match.start(2) : match.end(2)]
            is_word = ascii_pattern(PLACEHOLDER).match(value) or value.startswith("-")
            if not is_word and is_option_secret(match.group(1), value):
                found.append(ended(text, match.start(2), TYPED_REST))
    if "curl" in lowered:
        users = ascii_pattern(USER_OPTION).finditer(text)
        starts = (one.start(1) for one in users if not is_example_user(one.group(1)))
        found += (ended(text, start, TYPED_REST) for start in starts)
    if "login" in lowered and "password" in lowered:
        logins = ascii_pattern(LOGIN).finditer(lowered)
        found += (ended(text, one.start(1), TYPED_REST) for one in logins)
    return found


def is_option_secret(name: str, value: str) -> bool:
    """Whether what follows an option is a key, and not the next page or a file's name."""
    if names_credential(name):
        return has_digits(value)
    return plain_name(name) in ("key", "token") and (looks_random(value) or value[:4] == "tok_")


SIGNED = r"signature=(?=([0-9a-f]{64}))"
SCHEMED = r"authorization[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"'`]?[a-z]{3,20} (?=([\w.~+/=-]{8,400}))"


def authorized_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys behind the scheme of a header, whatever that is."""
    found: List[Span] = []
    if "aws4-hmac-sha256" in lowered:
        found += (one.span(1) for one in ascii_pattern(SIGNED).finditer(lowered))
    for match in ascii_pattern(SCHEMED).finditer(lowered):
        value = text[match.start(1) : match.end(1)]
        is_word = value.isalpha() or "_" in value or ascii_pattern(PLACEHOLDER).match(value)
        if has_digits(value) or not is_word:
            found.append(ended(text, match.start(1), BEARER_REST))
    return found


# Parameters of a query that are as good as a credential, or say whose it is.
SECRET_PARAMETERS = frozenset(
    (
        *("code", "session", "sessionid", "sid", "hmac", "ticket", "otp", "awsaccesskeyid"),
        *("googleaccessid", "clientid", "appid"),
    )
)


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter of a query is kept nowhere."""
    if SECRET.fullmatch(name) or names_credential(name) or names_identity(name):
        return True
    return plain_name(name) in SECRET_PARAMETERS


# --- all of them ---


def placed_keys(text: str) -> List[Span]:
    """Where there are keys that their surroundings give away."""
    lowered = text.lower()
    if len(lowered) != len(text):  # the one letter that becomes two
        lowered = text.replace("\u0130", "I").lower()
    found = named_keys(text, lowered) + told_keys(text, lowered) + sent_keys(text, lowered)
    if "cookie" in lowered:
        found += cookies_sent(text, lowered)
    if "authorization" in lowered:
        found += authorized_keys(text, lowered)
    return found + typed_keys(text, lowered)
