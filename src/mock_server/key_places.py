"""What is a key because of where it stands in a text: behind a name, in a URL, in a sentence.

Touches nothing.  What is looked for begins with letters that are searched for as such, and has a
bounded length: that takes linear time.
"""

from __future__ import annotations

import functools
import re
from typing import List, Tuple

from .secrets import SECRET

Span = Tuple[int, int]  # the start and the end of a piece of a text


@functools.lru_cache(maxsize=None)
def ascii_pattern(text: str) -> "re.Pattern[str]":
    """A regular expression, compiled when it is first needed: a server starts the sooner."""
    return re.compile(text, re.ASCII)


# --- words ---

ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
ESCAPE_BEFORE = r"(?:\\[nrtbf]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2})\Z"
RANDOM_BEFORE = 24  # characters before a hyphen that may be random ones: then it is one of them
PACKED_BEFORE = 120  # characters of Base64 before a "/" or "+": then that is one of them
PACKED_RUN = r"[A-Za-z0-9+/]+"


def word_begins(text: str, at: int) -> bool:
    """Whether a word begins here, or something that was escaped once more ends before it."""
    if not at:
        return True
    before = text[at - 1]
    if before in "-_":
        return not looks_random(text[max(0, at - RANDOM_BEFORE) : at], RANDOM_BEFORE)
    if before in "+/":
        return not is_amid_data(text[max(0, at - PACKED_BEFORE) : at])
    if before not in ALPHANUMERIC:
        return True
    return bool(ascii_pattern(ESCAPE_BEFORE).search(text, max(0, at - 6), at))


def is_amid_data(before: str) -> bool:
    """Whether what goes before is a picture, sound or a file in Base64: in five megabytes of it
    something looks like the beginning of a key."""
    return len(before) == PACKED_BEFORE and bool(ascii_pattern(PACKED_RUN).fullmatch(before))


LONG_RUN = r"[\w-]+"


def looks_random(text: str, least: int = 20) -> bool:
    """Whether a text is one long run of letters and digits, as keys are, and made up by nobody."""
    if len(text) < least or not ascii_pattern(LONG_RUN).fullmatch(text):
        return False
    longest = max(re.split("[_-]", text), key=len)
    if len(longest) < 12 or longest.isdigit() or longest.isalpha():
        return False
    is_mixed = longest != longest.lower() and longest != longest.upper()
    return is_mixed or len(longest) >= 16


# --- names ---

CREDENTIALS = frozenset(
    (
        *("apikey", "xapikey", "xgoogapikey", "accesskey", "secretkey", "secretaccesskey"),
        *("privatekey", "privatekeyid", "authkey", "masterkey", "servicekey", "accountkey"),
        *("sharedaccesskey", "signingkey", "encryptionkey", "subscriptionkey", "accesskeyid"),
        *("accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "securitytoken"),
        *("bearertoken", "apitoken", "bottoken", "csrftoken", "xsrftoken", "devicetoken"),
        *("authenticationtoken", "authorizationtoken", "webhooksecret", "personalaccesstoken"),
        *("secret", "clientsecret", "apisecret", "appsecret", "sharedsecret", "consumersecret"),
        *("password", "passwd", "pwd", "passphrase", "authorization", "proxyauthorization"),
        *("cookie", "cookies", "setcookie", "clientassertion", "connectionstring", "jwt"),
        *("xamzsecuritytoken", "xamzsignature", "xamzcredential", "ocpapimsubscriptionkey"),
    )
)
# What a name with something before it ends with, too: OPENAI_API_KEY, aws_secret_access_key.
KEY_ENDINGS = tuple(
    sorted(CREDENTIALS - {"secret", "pwd", "jwt", "cookie", "cookies", "passphrase", "idtoken"})
)
IDENTITIES = frozenset(
    (
        *("organization", "organizationid", "organisation", "organisationid", "orgid"),
        *("openaiorganization", "openaiproject", "anthropicorganizationid", "workspaceid"),
        *("project", "projectid", "projectnumber", "accountid", "tenantid", "subscriptionid"),
    )
)
BETWEEN_WORDS = r"[^A-Za-z0-9]+"


@functools.lru_cache(maxsize=1024)
def plain_name(name: str) -> str:
    """A name without hyphens, underscores and case."""
    return ascii_pattern(BETWEEN_WORDS).sub("", name).lower()


@functools.lru_cache(maxsize=1024)
def names_credential(name: str) -> bool:
    """Whether what is called so is a credential, whatever it looks like."""
    plain = plain_name(name)
    return plain in CREDENTIALS or plain.endswith(KEY_ENDINGS)


def names_request(name: str) -> bool:
    """Whether what is called so is the id of one request to a provider, and not of one that a model
    makes for an approval (OpenAI's MCP): the client sends that back."""
    plain = plain_name(name)
    is_request = plain.endswith(("requestid", "correlationid", "invocationid"))
    return is_request and not plain.endswith("approvalrequestid")


def names_identity(name: str) -> bool:
    """Whether what is called so may say whose an account is."""
    return plain_name(name) in IDENTITIES


IDENTITY = r"[\w.:@/-]*[0-9_-][\w.:@/-]*"
SURE_IDENTITY = r"org[-_][\s\S]+|proj_[\s\S]+|[0-9]{6,}"


def is_secret_member(name: str, value: str) -> bool:
    """Whether the text of a member of an object must go for the name that it has."""
    if names_credential(name) or names_request(name):
        return True
    if plain_name(name) in ("key", "token", "auth"):
        return looks_random(value)
    if plain_name(name) == "project":
        return bool(ascii_pattern(SURE_IDENTITY).fullmatch(value))
    # "Red Cross" is no id.
    return names_identity(name) and bool(ascii_pattern(IDENTITY).fullmatch(value))


# --- values behind names ---

# In lower case: the end of a name, what may stand between it and the value.
SEPARATOR = r"(?:[_-]?[0-9]{1,3})?\\{0,3}[\"'`]?[ \t]{0,4}(?:=>|:=|[:=>])[ \t]{0,4}(\\{0,3}[\"'`])?"
NAMED_VALUES = (
    *("key", "token", "secret", "password", "passwd", "pwd", "passphrase", "authorization"),
    *("cookie", "connectionstring", "connection_string", "signature", "credential"),
)
VALUE = r"[^\s\"'`<>,;&=(){}\[\]|\\]{0,400}={0,2}"
REST_OF_VALUE = r"[^\s\"'`<>,;&=(){}\[\]|\\]*={0,2}"
NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
LONGEST_NAME_OF_KEY = 60
PLACEHOLDER = (
    r"(?i)[\w-]{0,20}\.{3}|[\w-]{0,12}x{3}|\$|%|\{|<|\.\.|\*+\Z"
    r"|(?:your|my|some|the|insert|enter|replace|change|example|string|str|required|optional"
    r"|null|none|nil|undefined|true|false|env|process|os|self|config|settings|secrets?"
    r"|redacted|hidden|masked|any|text|value|todo|tbd)(?![a-z0-9])"
)


def named_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys behind a name that says so: `api_key=...`, `"password": "..."`."""
    found: List[Span] = []
    for word in NAMED_VALUES:
        if word not in lowered:
            continue
        last = 0
        for match in ascii_pattern(word + SEPARATOR).finditer(lowered):
            if match.end() < last:
                continue
            value = ascii_pattern(VALUE).match(text, match.end())
            assert value
            end = match.start() + len(word)
            before = text[max(0, end - LONGEST_NAME_OF_KEY) : end]
            name = before[len(before.rstrip(NAME_CHARACTERS)) :]
            if is_named_key(name, value.group(), text, match.end(1) > 0, value.end()):
                last = rest_of(text, value.end())
                found.append((value.start(), last))
    return found


def rest_of(text: str, at: int) -> int:
    """Where a value ends."""
    match = ascii_pattern(REST_OF_VALUE).match(text, at)
    assert match
    return match.end()


def is_named_key(name: str, value: str, text: str, is_quoted: bool, end: int) -> bool:
    """Whether the value of such a name is a key, and not a word about one."""
    if len(value) < 4 or ascii_pattern(PLACEHOLDER).match(value):
        return False
    if not names_credential(name):
        return plain_name(name) in ("key", "token") and looks_random(value)
    after = text[end : end + 1]
    if is_quoted:
        return after in ('"', "'", "`", "\\", ";", "&", "")
    # Not a call, and neither a type nor a word of a sentence.
    has_digit = any(letter.isdigit() for letter in value)
    has_letter = any(letter.isalpha() for letter in value)
    return after not in ("(", "[") and len(value) >= 8 and has_digit and has_letter


# --- in sentences ---

PROVIDED = r"key(?: provided)?: {0,2}[\"'`]?(?=\S)"
TOLD_KEY = r"[^\s\"'`<>,;]+"
ABOUT_REQUEST = (
    r"request[ _-]?id(?:entifier)?(?: is)?[\"'`]?[:= ]{1,3}[\"'`(]{0,2}(?=([\w-]{6,200}))"
)
ABOUT_OWNER = (
    r"(?:organi[sz]ation|project)(?:[_ -]?(?:id|number))?[\"'`]?[:= ]{1,3}[\"'`(]{0,2}"
    r"(?=((?:org|proj)[-_][\w-]{3,200}|[0-9]{6,20}(?![\w.-])))"
)
AWS_ACCOUNT = r"(?<=:)[0-9]{12}(?=:)"
RESOURCE_OWNER = r"(?<=projects/)[0-9]{6,20}(?![\w-])|(?<=subscriptions/)[0-9a-f-]{36}"


def told_keys(text: str, lowered: str) -> List[Span]:
    """Where providers' own sentences name keys, requests and accounts."""
    found: List[Span] = []
    if "key: " in lowered or "key provided: " in lowered:
        found += provided_keys(text, lowered)
    if "request" in lowered:
        told = ascii_pattern(ABOUT_REQUEST).finditer(lowered)
        found += (one.span(1) for one in told if has_digits(one.group(1)))
    if "organi" in lowered or "project" in lowered:
        found += (one.span(1) for one in ascii_pattern(ABOUT_OWNER).finditer(lowered))
    if "projects/" in lowered or "subscriptions/" in lowered:
        found += (one.span() for one in ascii_pattern(RESOURCE_OWNER).finditer(lowered))
    if "arn:aws" in lowered:
        found += (one.span() for one in ascii_pattern(AWS_ACCOUNT).finditer(lowered))
    return found


def provided_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys that were refused."""
    found: List[Span] = []
    last = 0
    for match in ascii_pattern(PROVIDED).finditer(lowered):
        value = ascii_pattern(TOLD_KEY).match(text, match.end())
        if match.end() < last or not value:
            continue
        last = value.end()
        told = value.group().rstrip(".)!?")
        if is_told_key(told, "provided" in match.group()):
            found.append((value.start(), value.start() + len(told)))
    return found


def is_told_key(value: str, is_provided: bool) -> bool:
    """Whether what follows `API key:` is a key, hidden or not."""
    shown = value.strip("*")
    if not shown:
        return False
    return is_provided or "**" in value[:-2] or looks_random(shown)


def has_digits(value: str) -> bool:
    """Whether this is no word."""
    return value.startswith("req_") or any(letter.isdigit() for letter in value)


# --- in headers and URLs ---

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
        found += (one.span(1) for one in ascii_pattern(USERS).finditer(text))
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


# --- all of them ---


def placed_keys(text: str) -> List[Span]:
    """Where there are keys that their surroundings give away."""
    lowered = text.lower()
    if len(lowered) != len(text):  # the one letter that becomes two
        lowered = text.replace("\u0130", "I").lower()
    return named_keys(text, lowered) + told_keys(text, lowered) + sent_keys(text, lowered)
