"""What is a key because of where it stands in a text: behind a name, in a sentence.

Touches nothing.  What is looked for begins with letters that are searched for as such, and has a
bounded length: that takes linear time.
"""

from __future__ import annotations

import binascii
import functools
import re
from typing import List, Tuple

Span = Tuple[int, int]  # the start and the end of a piece of a text


@functools.lru_cache(maxsize=None)
def ascii_pattern(text: str) -> "re.Pattern[str]":
    """A regular expression, compiled when it is first needed: a server starts the sooner."""
    return re.compile(text, re.ASCII)


# --- words ---

ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
ESCAPE_BEFORE = r"(?:\\[nrtbf]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2})\Z"
RANDOM_BEFORE = 24  # characters before a hyphen that may be random ones: then it is one of them


def word_begins(text: str, at: int) -> bool:
    """Whether a word begins here, or something that was escaped once more ends before it."""
    if not at:
        return True
    before = text[at - 1]
    if before in "-_":
        return not looks_random(text[max(0, at - RANDOM_BEFORE) : at], RANDOM_BEFORE)
    if before not in ALPHANUMERIC:
        return True
    return bool(ascii_pattern(ESCAPE_BEFORE).search(text, max(0, at - 6), at))


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
        *("clientkeydata", "dbpass", "smtppass", "mailpass", "userpass"),
    )
)
# What a name with something before it ends with, too: OPENAI_API_KEY, aws_secret_access_key.
KEY_ENDINGS = tuple(
    sorted(CREDENTIALS - {"secret", "jwt", "cookie", "cookies", "passphrase", "idtoken"})
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
    """Whether what is called so is the id of one request."""
    return plain_name(name).endswith(("requestid", "correlationid", "invocationid"))


def names_identity(name: str) -> bool:
    """Whether what is called so may say whose an account is."""
    return plain_name(name) in IDENTITIES


IDENTITY = r"[\w.:@/-]*[0-9_-][\w.:@/-]*"
SURE_IDENTITY = (
    r"org[-_][\s\S]+|proj_[\s\S]+|[0-9]{6,}"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
NAMES_OF_OTHERS = ("project", "organization", "organisation")  # a company's name has them, too
PROSE = r"[^0-9=]*[A-Za-z]+ [A-Za-z]+ [^0-9=]*"


def is_secret_member(name: str, value: str) -> bool:
    """Whether the text of a member of an object must go for the name that it has."""
    plain = plain_name(name)
    if plain == "secret" and ascii_pattern(PROSE).fullmatch(value):
        return False
    if plain in ("cookie", "cookies"):  # what one bakes has none
        return "=" in value or looks_random(value)
    if names_credential(name):
        return not is_named_itself(name, value)
    if names_request(name):
        return True
    if plain in ("key", "token"):
        return looks_random(value)
    if plain == "auth":
        return looks_random(value) or bool(decoded_pair(value))
    if plain in NAMES_OF_OTHERS:
        return looks_random(value) or bool(ascii_pattern(SURE_IDENTITY).fullmatch(value))
    # "Red Cross" is no id.
    return names_identity(name) and bool(ascii_pattern(IDENTITY).fullmatch(value))


def is_named_itself(name: str, value: str) -> bool:
    """Whether the value of a name is such a name again, as in `ACCESS_KEY = "AWS_ACCESS_KEY"`."""
    own, named = plain_name(name), plain_name(value)
    if own == named:
        return True
    if not ascii_pattern(r"[A-Za-z]+(?:_[A-Za-z]+)+").fullmatch(value):
        return False
    return own in named or (value.isupper() and names_credential(value))


def decoded_pair(encoded: str) -> str:
    """The user and the password in Base64; empty if there are none."""
    padded = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        pair = binascii.a2b_base64(padded + "=" * (-len(padded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return pair if ":" in pair and pair.isprintable() else ""


# --- values behind names ---

# In lower case: the end of a name, what may stand between it and the value.
SEPARATOR = (
    r"(?:[_-]?[0-9]{1,3})?\\{0,3}[\"'`]?\]?[ \t]{0,4}(?:=>|:=|[:=>])[ \t]{0,4}(\\{0,3}[\"'`])?"
)
NAMED_VALUES = (
    *("key", "token", "secret", "password", "passwd", "pwd", "passphrase", "authorization"),
    *("connectionstring", "connection_string", "signature", "credential"),
    *("key-data", "_pass", '"auth'),  # whole, for they are in many words
)
PASSWORDS = ("password", "passwd", "pwd", "pass")  # what names of short secrets end with
LEAST_SECRET, LEAST_PASSWORD = 8, 6  # characters of such a value that is not quoted
VALUE = r"[^\s\"'`<>,;&=(){}\[\]|\\]{0,400}={0,2}"
REST_OF_VALUE = r"[^\s\"'`<>,;&=(){}\[\]|\\]*={0,2}"
NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
LONGEST_NAME_OF_KEY = 60
PLACEHOLDER = (
    r"(?i)[\w-]{0,20}\.{3}|[\w-]{0,12}x{3}|\$|%|\{|<|\.\.|\*+\Z"
    r"|(?:your|my|some|the|insert|enter|replace|change|example|string|str|required|optional"
    r"|null|none|nil|undefined|true|false|env|process|os|self|config|settings|secrets?"
    r"|redacted|hidden|masked|any|text|value|todo|tbd)(?![a-z0-9])"
    r"|arn:|https?:|aws4-hmac-sha256"
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
            is_quoted = match.end(1) > 0 or text.startswith("</", value.end())
            if is_named_key(name, value.group(), text, is_quoted, value.end()):
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
    plain = plain_name(name)
    if plain == "auth":  # Docker's
        return is_quoted and bool(decoded_pair(value))
    if not names_credential(name):
        return plain in ("key", "token") and looks_random(value)
    if is_named_itself(name, value) or (plain == "pwd" and "/" in value):  # a directory
        return False
    after = text[end : end + 1]
    if is_quoted:
        return after in ('"', "'", "`", "\\", ";", "&", "", "<")
    is_password = plain.endswith(PASSWORDS)
    before = end - len(value) - len(name) - 2
    if is_password and after == ";" and before >= 0 and text[before] == ";":
        return True  # in a connection string
    # Not a call, and neither a type nor a word of a sentence.
    has_digit = any(letter.isdigit() for letter in value)
    has_letter = any(letter.isalpha() for letter in value)
    least = LEAST_PASSWORD if is_password else LEAST_SECRET
    return after not in ("(", "[") and len(value) >= least and has_digit and has_letter


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
    is_id = value.startswith("req_") and not value.startswith("req_id")  # a variable's name
    return is_id or any(letter.isdigit() for letter in value)
