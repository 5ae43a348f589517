"""What is a key because of where it stands in a text: behind a name, in a URL, in a sentence.

Touches nothing.  What is looked for begins with letters that are searched for as such, and has a
bounded length: that takes linear time.
"""

from __future__ import annotations

import binascii
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
    *("connectionstring", "connection_string", "signature", "credential", "auth", "data", "pass"),
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
COOKIE = r"([\w.-]{1,60})=([^\s;,\"'`<>\\]{0,4096})(?:;[ \t]{0,2})?"
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
    r"(?<![\w-])--?[a-z-]{0,30}(?:key|token|secret|password|passwd)[ \t]{1,4}[\"']?"
    r"(?=([^\s\"'`<>|;&]{8,400}))"
)
USER_OPTION = (
    r"(?<![\w-])(?:-u|--user|--proxy-user)[ =]{1,4}[\"']?(?=([^\s\"':]{1,100}:[^\s\"']{4,200}))"
)
LOGIN = r"login[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4}password[ \t\n]{1,4}(?=(\S{4,200}))"  # of a netrc


def typed_keys(text: str, lowered: str) -> List[Span]:
    """Where there are keys in what is typed at a prompt, or read by programs in its place."""
    found: List[Span] = []
    if "--" in text:
        for match in ascii_pattern(OPTION).finditer(lowered):
            value = text[match.start(1) : match.end(1)]
            is_word = ascii_pattern(PLACEHOLDER).match(value) or value.startswith("-")
            if not is_word and has_digits(value):
                found.append(match.span(1))
    if "curl" in lowered:
        users = ascii_pattern(USER_OPTION).finditer(text)
        found += (one.span(1) for one in users if not is_example_user(one.group(1)))
    if "login" in lowered and "password" in lowered:
        found += (one.span(1) for one in ascii_pattern(LOGIN).finditer(lowered))
    return found


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
