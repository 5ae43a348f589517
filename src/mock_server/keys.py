"""What looks like a key or a token in a text, and what stands in its place.  Touches nothing.

What has a form of its own is here; `key_places` knows what only its surroundings give away.  All
of it takes linear time, whatever the text: what is looked for has a bounded length, what follows
is passed over once.
"""

from __future__ import annotations

import functools
import re
from typing import Dict, Iterable, Iterator, List, Tuple

from .key_lines import placed_keys
from .key_places import Span, ascii_pattern, decoded_pair, word_begins

SCRUBBED = "***"  # what stands where a key was; it looks like none itself
MOST_PASSES = 8  # over one text; the second finds nothing but in texts that were made for it

# What keys begin with, by what must follow so that nothing else is taken for one.  From the
# documentation of those who issue them, GitHub's secret scanning patterns and OpenRouter's
# "Detected Secret Formats".
LETTERS_20 = (
    # Groq, Perplexity, xAI, Hugging Face, Cerebras, Together, Fireworks, Anyscale, Tavily
    *("gsk_", "pplx-", "xai-", "hf_", "api_org_", "csk-", "tgp_v1_", "fw_", "esecret_", "tvly-"),
    *("tvly-dev-", "r8_", "jina_", "pcsk_", "sk_", "sess-", "pa-", "wandb_v1_", "dckr_pat_"),
    # GitHub, npm, PyPI, Postman, Linear, Sentry, Grafana, Vault, DigitalOcean, Shopify, Notion
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "npm_", "pypi-", "PMAK-", "lin_api_"),
    *("sntrys_", "sntryu_", "glsa_", "glc_", "hvs.", "hvb.", "dop_v1_", "doo_v1_", "dor_v1_"),
    *("shpat_", "shpss_", "shpca_", "ntn_", "secret_", "dp.pt.", "dp.st.", "tskey-", "rnd_"),
)
RUNS_16 = (
    # OpenAI's, Anthropic's, OpenRouter's and others' with a word that says which kind they are
    *("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-service-", "sk-None-", "sk-ant-", "sk-or-"),
    *("nvapi-", "GOCSPX-", "ya29.", "lsv2_pt_", "lsv2_sk_", "sk-lf-", "pk-lf-"),
    *("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "gloas-"),
    *("sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "whsec_"),
)
IDS = ("org-", "org_", "proj_", "req_", "req_vrtx_")
OTHERS = (
    # OpenAI's without such a word, DeepSeek's, Moonshot's: a digit, or letters without an end;
    # "sk-learn-based-classification" is none.
    ("sk-", r"(?=[\w-]{16})(?:(?=[A-Za-z_-]{0,40}[0-9])|(?=(?:[A-Za-z]{1,20}[_-]){0,4}\w{20}))"),
    ("sk-", r"(?:live|test|prod|dev)-(?=[\w-]{6})"),
    ("AIza", r"(?=[\w-]{30})"),
    ("AQ.Ab", r"(?=[\w-]{30})"),  # Google's newer keys
    ("1//0", r"(?=[\w-]{30})"),  # and what it renews them with
    *((begin, r"(?=[A-Z2-7]{16}(?!\w))") for begin in ("AKIA", "ASIA", "ABIA", "ACCA")),
    ("A3T", r"(?=[A-Z0-9][A-Z2-7]{16}(?!\w))"),
    *((begin, r"(?=[0-9a-f]{32}(?!\w))") for begin in ("SK", "AC", "dapi", "fc-")),
    ("xox", r"[a-z]-(?=[\w-]{10})"),
    ("xapp-", r"(?=[\w-]{10})"),
    # No keys, but whose they are, and of which request.
    *((begin, r"(?=[A-Za-z0-9]{16})(?=[A-Za-z]{0,40}[0-9]|[A-Za-z]{20})") for begin in IDS),
    ("user_2", r"(?=[A-Za-z0-9]{24})"),  # OpenRouter's accounts
)
STANDS_FOR_ONE = r"(?i)your[-_]|x{8}"  # `sk-proj-your-key`, `sk-xxxxxxxx`
RUN = r"[\w-]*(?:(?:\*+|\.{3}|\u2026)(?=[\w-])[\w-]+)*"
DOTTED = r"[\w-]*(?:\.[\w-]+)*"
BASE64 = r"[\w+/=-]*"

KindOfKey = Tuple[str, str, str]  # what it begins with, its head and its rest as patterns


@functools.lru_cache(maxsize=None)
def kinds_of_keys() -> Tuple[Tuple[str, Tuple[KindOfKey, ...]], ...]:
    """Keys that are known by what they begin with, by a letter that is in that."""
    found: Dict[str, List[KindOfKey]] = {}
    for kind in kinds():
        sign = next((sign for sign in "_-." if sign in kind[0]), kind[0][0])
        found.setdefault(sign, []).append(kind)
    return tuple((sign, tuple(of_sign)) for sign, of_sign in found.items())


# `-----BEGIN PRIVATE KEY` and the like in Base64, as in a kubeconfig.
PACKED_PEM = (
    *("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt"),
    *("LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS", "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ"),
)


def kinds() -> Iterator[KindOfKey]:
    """Keys that are known by what they begin with."""
    for begin in LETTERS_20:
        rest = DOTTED if begin.endswith(".") else RUN
        yield begin, re.escape(begin) + "(?=[A-Za-z0-9]{20})", rest
    for begin in RUNS_16:
        rest = DOTTED if begin == "ya29." else RUN
        yield begin, re.escape(begin) + r"(?=[\w-]{8})", rest
    for begin, follows in OTHERS:
        yield begin, re.escape(begin) + follows, RUN
    # SendGrid's, and tokens of sessions and keys of Bedrock at AWS, which are Base64.
    yield "SG.", r"SG\.(?=[\w-]{16,64}\.[\w-]{16})", DOTTED
    aws = ("IQoJb3JpZ2lu", "FwoGZXIvYXdz", "AQoDYXdz", "ABSK", "bedrock-api-key-")
    for begin in (*aws, *PACKED_PEM):
        yield begin, re.escape(begin) + r"(?=[\w+/=-]{24})", BASE64


# What of a text may be a key: most texts have no such run, and need no closer look.
LONG_RUNS = r"[\w+/=.-]{14,}"


def without_keys(text: str) -> str:
    """A text with what looks like a key scrubbed; once more it stays as it is."""
    return replaced(text, key_spans(text))


def replaced(text: str, spans: Iterable[Span]) -> str:
    """A text with something else in these places."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], SCRUBBED]
        at = end
    return "".join([*pieces, text[at:]])


def key_spans(text: str) -> List[Span]:
    """Where there are keys in a text, in order."""
    return all_spans(text, [])


def all_spans(text: str, known: List[Span]) -> List[Span]:
    """Where there are keys in a text, beside those that are known."""
    spans, number = merged_spans(known), 0
    blanked = blank(text, spans)
    while number < MOST_PASSES:
        # What is taken out may make a key of what is left: it is looked at as it will be.
        found = spans_once(blanked)
        new = merged_spans([*spans, *found])
        if new == spans:
            break
        spans, number = new, number + 1
        blanked = blank(text, spans)
    return [(start, end) for start, end in spans if text[start:end] != SCRUBBED]


def blank(text: str, spans: Iterable[Span]) -> str:
    """A text with as many asterisks in these places as there were characters."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], "*" * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])


def merged_spans(spans: Iterable[Span]) -> List[Span]:
    """Places in order, those joined that overlap; none is empty."""
    found: List[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif end > start:
            found.append((start, end))
    return found


def spans_once(text: str) -> List[Span]:
    """Where there are keys, at one look."""
    runs = "\n".join(ascii_pattern(LONG_RUNS).findall(text))
    found: List[Span] = []
    for sign, of_sign in kinds_of_keys():
        if sign in runs:  # one letter is found soonest
            found += (span for kind in of_sign for span in beginning_keys(text, runs, kind))
    for sign, pattern in SHAPED:
        if sign in text:
            shaped = ascii_pattern(pattern).finditer(text)
            found += (one.span() for one in shaped if word_begins(text, one.start()))
    if "eyJ" in runs:
        found += signed_tokens(text)
    if "PRIVATE KEY" in text:
        found += private_keys(text)
    if "**" in text or "..." in text or "\u2026" in text:
        found += hidden_keys(text)
    if "asic " in text:
        pairs = ascii_pattern(BASIC).finditer(text)
        found += (one.span(1) for one in pairs if decoded_pair(one.group(1)))
    return found + placed_keys(text)


def beginning_keys(text: str, runs: str, kind: KindOfKey) -> List[Span]:
    """Where there are keys of one kind."""
    begin, head, rest = kind
    found: List[Span] = []
    if begin not in runs:  # as most
        return found
    last = 0
    for match in ascii_pattern(head).finditer(text):
        start = match.start()
        if start < last or not word_begins(text, start):
            continue
        if ascii_pattern(STANDS_FOR_ONE).match(text, match.end()):
            continue
        last = run_end(rest, text, match.end())
        found.append((start, last))
    return found


def run_end(rest: str, text: str, at: int) -> int:
    """Where a run of characters ends."""
    match = ascii_pattern(rest).match(text, at)
    assert match
    return match.end()


# A bot's number and its token; keys of Azure's newer kind; secrets of Entra's applications.
SHAPED = (
    (":AA", r"(?:bot)?[0-9]{8,10}:AA[\w-]{32,40}"),
    ("hooks.slack.com", r"(?<=hooks\.slack\.com/services/)[\w/-]{20,}"),
    ("/webhooks/", r"(?<=/webhooks/)[0-9]{16,20}/[\w-]{60,}"),
    ("JQQJ99", r"(?<![A-Za-z0-9])[A-Za-z0-9]{40,60}JQQJ99[A-Za-z0-9]{16,40}"),
    ("Q~", r"(?<![\w~.-])[A-Za-z0-9]{3}[0-9]Q~[\w~.-]{31,34}(?![\w~-])"),
)

# --- keys that are not told in full ---

# As providers show a key that is wrong: `sk-ab***cd`.
HIDDEN_PART = r"\*{4,}|\*{2,3}(?=\w)|\.{3}(?=\w)|\u2026(?=\w)"
BEGUN = r"(?<![A-Za-z0-9])(?:[sp]k-|xai-|gsk_|pplx-|hf_|AIza|csk-)"
MOST_BEGUN = 80  # characters before what is hidden
SHOWN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
SHOWN_REST = r"(?:\*+(?=[\w-])|[\w-]+)*"


def hidden_keys(text: str) -> List[Span]:
    """Where there are keys whose middle is hidden."""
    found: List[Span] = []
    last = 0
    for match in ascii_pattern(HIDDEN_PART).finditer(text):
        if match.start() < last:
            continue
        before = text[max(0, match.start() - MOST_BEGUN) : match.start()]
        run = len(before) - len(before.rstrip(SHOWN))
        begun = ascii_pattern(BEGUN).search(text, match.start() - run, match.start())
        if begun:
            last = run_end(SHOWN_REST, text, match.end())
            found.append((begun.start(), last))
    return found


# --- tokens that say themselves what they are ---

TOKEN_RUN = r"[\w.-]+"


def signed_tokens(text: str) -> List[Span]:
    """Where there are JSON Web Tokens: encoded parts with dots between them (RFC 7519)."""
    found: List[Span] = []
    for match in ascii_pattern(TOKEN_RUN).finditer(text):
        run = match.group()
        if "." not in run or "eyJ" not in run:
            continue
        start = match.start()
        parts = run.split(".")
        for number, part in enumerate(parts):
            at = part.find("eyJ")
            if at >= 0 and is_signed_token(parts[number : number + 3], at):
                found.append((start + at, match.end()))
                break
            start += len(part) + 1
    return found


def is_signed_token(parts: List[str], at: int) -> bool:
    """Whether a token begins at this place of the first of these parts: its head and its claims are
    objects, or all that follows the head is encrypted."""
    if len(parts) < 2 or len(parts[0]) < at + 12:
        return False
    if parts[1].startswith("eyJ"):
        return True
    return not at and len(parts) == 3 and min(len(parts[1]), len(parts[2])) >= 16


PEM_HEAD = r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
PEM_TAIL = r"-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
PEM_LINES = r"[\w+/=\s\\:,-]*"


LONGEST_PEM = 32 * 1024  # characters between its head and its tail
PEM_DATA = r"[A-Za-z0-9+/=]{16,}"


def private_keys(text: str) -> List[Span]:
    """Where there are private keys in PEM (RFC 7468)."""
    found: List[Span] = []
    heads = list(ascii_pattern(PEM_HEAD).finditer(text))
    ends = [*(match.start() for match in heads[1:]), len(text)]
    for match, next_head in zip(heads, ends):
        until = min(next_head, match.end() + LONGEST_PEM)
        tail = ascii_pattern(PEM_TAIL).search(text, match.end(), until)
        if tail and is_key_data(text[match.end() : tail.start()]):
            found.append((match.start(), tail.end()))
            continue
        data = ascii_pattern(PEM_LINES).match(text, match.end(), until)
        if data and is_key_data(data.group()):
            found.append((match.start(), data.end()))
    return found


def is_key_data(text: str) -> bool:
    """Whether this is more of a key than a sentence about one."""
    if len(ascii_pattern(r"[A-Za-z]+[ ,.]").findall(text)) <= 3:
        return bool(ascii_pattern(r"\w{6}").search(text))
    return sum(map(len, ascii_pattern(PEM_DATA).findall(text))) > len(text) // 2


BASIC = r"[Bb]asic +(?=([A-Za-z0-9+/_-]{6,400}={0,2})(?![\w+/=-]))"
