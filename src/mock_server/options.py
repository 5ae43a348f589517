"""The options: one table that the command line, the environment, MockServer and the docs read."""

from __future__ import annotations

from typing import (
    Any,
    Dict,
    Iterable,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from .errors import MISSING
from .limits import DEFAULT_PORT, DIALECTS, JOURNAL, MAX_BODY
from .option_kinds import (
    BYTES,
    CREDENTIAL,
    DIALECT,
    DIRECTORY,
    FILE,
    FLAG,
    NAME,
    PLACE,
    PORT,
    RECORD,
    REQUESTS,
    SECONDS,
    SEED,
    SHELL,
    STRICT,
    TEXT,
    Kind,
    OptionNode,
    port_and_dialect,
    word_of,
)
from .options_together import check_together, recording_places
from .records import field_names, found_once, record

# --- the table ---


# The parts of --help.
LISTENING, ANSWERS, HTTPS = "where it listens", "what it answers", "HTTPS"
RECORDING = "what it records"
LOOKING, INSTEAD = "what tests and people see", "instead of serving"


class Option(NamedTuple):
    """One option; a default that is a tuple means that it may be given several times, `group` is
    the part of --help that it stands in.

    MockServer has it as a keyword unless `is_keyword` is false, with `python_default` where its
    default is another there."""

    group: str
    flag: str
    metavar: str
    kind: Kind
    default: Any
    help: str
    is_keyword: bool = True
    python_default: Any = MISSING
    alone: str = ""  # what it means on the command line without its value, which it may have
    takes_several: bool = False  # whether more than one word may stand behind it

    @property
    def name(self) -> str:
        """Its name in Python."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "MOCK_SERVER_" + self.name.upper()

    @property
    def is_flag(self) -> bool:
        """Whether it stands on the command line without a value."""
        return not self.metavar

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be given several times."""
        return isinstance(self.default, tuple)

    @property
    def keyword_default(self) -> Any:
        """The default of MockServer's keyword."""
        return self.default if self.python_default is MISSING else self.python_default

    def read(self, text: str, source: str) -> Any:
        """The value of a text; BadOption says where that came from."""
        try:
            value = self.kind.parse(text)
        except ValueError:
            value = text  # which is none of the kind, as the check says
        return self.kind.check(OptionNode(value, source, written=text))

    def read_keyword(self, value: Any) -> Any:
        """The value of MockServer's keyword; None is the same as leaving it out."""
        if value is None:
            value = self.keyword_default
        if value is None:
            return None
        if not isinstance(self.keyword_default, tuple):
            return self.kind.check(OptionNode(value, self.name))
        values = [value]
        # A text is one value, not its letters.
        if isinstance(value, Iterable) and not isinstance(value, str):
            values = list(value)
        return [self.kind.check(OptionNode(one, self.name)) for one in values]


# In the order of --help and of the docs' table.
OPTIONS = (
    Option(
        LISTENING,
        "port",
        "PORT",
        PORT,
        (DEFAULT_PORT,),
        "port to listen on, 0 for a free one; several are several upstreams in one process",
        python_default=0,
    ),
    Option(LISTENING, "--host", "HOST", TEXT, "127.0.0.1", "address to listen on"),
    Option(
        ANSWERS,
        "--data",
        "DIR",
        DIRECTORY,
        (),
        "where mocks are read from; repeatable (default: data/ beside the script, or here if it "
        "is a module)",
    ),
    Option(
        ANSWERS,
        "--fallback",
        "error|echo",
        word_of("error|echo"),
        "error",
        "a request that no mock matches: 404 that explains, or an echo of it",
    ),
    Option(
        ANSWERS,
        "--dialect",
        "PORT=NAME",
        DIALECT,
        (),
        "dialect of OpenAI's format that a port speaks: " + ", ".join(DIALECTS) + "; repeatable",
    ),
    Option(
        ANSWERS,
        "--pace",
        "SECONDS",
        SECONDS,
        None,
        "pause between streamed events where a mock sets none (default: 0); given, it goes before "
        "the pace of recordings",
    ),
    Option(
        ANSWERS,
        "--require-auth",
        "",
        FLAG,
        False,
        "401 (Gemini, Bedrock: 403) in the provider's shape without the provider's credential",
    ),
    Option(
        ANSWERS,
        "--credential",
        "NAME=VALUE",
        CREDENTIAL,
        (),
        "this credential and no other for a provider: openai=KEY, bedrock=ACCESSKEY:SECRET ...; "
        "repeatable",
    ),
    Option(
        ANSWERS,
        "--strict",
        "[=all]",
        STRICT,
        False,
        "refuse what the real provider would refuse, in its words; all: also by rules that are off "
        "because nobody knows which models they hold for",
        alone="1",
    ),
    Option(
        HTTPS,
        "--tls",
        "",
        FLAG,
        False,
        "serve HTTPS, with a certificate made at start by openssl unless one is given",
    ),
    Option(HTTPS, "--cert", "FILE", FILE, None, "certificate for --tls, with --key"),
    Option(HTTPS, "--key", "FILE", FILE, None, "its key"),
    Option(
        HTTPS,
        "--tls-name",
        "NAME",
        NAME,
        (),
        "further name in the certificate made at start; repeatable",
    ),
    Option(
        HTTPS,
        "--tls-cert-out",
        "FILE",
        FILE,
        None,
        "where to write that certificate, so that clients can trust it",
    ),
    Option(
        RECORDING,
        "--record",
        "PROVIDER=URL",
        RECORD,
        (),
        "forward what no mock matches to URL, and record it; repeatable",
    ),
    Option(
        RECORDING,
        "--record-to",
        "DIR",
        PLACE,
        None,
        "where recordings go (default: the first --data directory)",
    ),
    Option(RECORDING, "--record-errors", "", FLAG, False, "save answers of 4xx, too"),
    Option(
        RECORDING,
        "--record-ca",
        "FILE",
        FILE,
        None,
        "certificates of authorities to trust upstream, as PEM",
    ),
    Option(ANSWERS, "--seed", "N", SEED, 0, "seed of everything random (jitter, probability)"),
    Option(
        LOOKING,
        "--control-token",
        "TOKEN",
        TEXT,
        "",
        "let clients that are not on loopback use the control API with this bearer token",
    ),
    Option(ANSWERS, "--max-body", "BYTES", BYTES, MAX_BODY, "largest request body; above it 413"),
    Option(LOOKING, "--journal", "N", REQUESTS, JOURNAL, "how many requests a session remembers"),
    Option(
        LOOKING,
        "--log",
        "text|json|off",
        word_of("text|json|off"),
        "text",
        "request log on standard error",
        python_default="off",
    ),
    Option(
        LISTENING,
        "--exit-on-stdin-close",
        "",
        FLAG,
        False,
        "stop when standard input closes, so that no server outlives its test",
        is_keyword=False,
    ),
    Option(
        INSTEAD,
        "--check",
        "",
        FLAG,
        False,
        "validate the mocks, print what is wrong or doubtful, exit 0 or 2",
        is_keyword=False,
    ),
    Option(
        INSTEAD,
        "--schema",
        "",
        FLAG,
        False,
        "print the JSON Schema of a mock file, for editors, and exit",
        is_keyword=False,
    ),
    Option(
        INSTEAD,
        "--import",
        "FILE",
        FILE,
        (),
        "make mocks of HAR files, curl transcripts and aimock fixtures in the first --data "
        "directory or that of --record-to, and exit; a directory means the files in it; repeatable",
        is_keyword=False,
        takes_several=True,
    ),
    Option(
        INSTEAD,
        "--completions",
        "SHELL",
        SHELL,
        None,
        "print completions for bash, zsh or fish, and exit",
        is_keyword=False,
    ),
)
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


# --- what they come to ---


def read_keywords(given: Mapping[str, Any]) -> Dict[str, Any]:
    """The values of MockServer's keywords; BadOption says which can't be followed."""
    values = {}
    for option in OPTIONS:
        if option.is_keyword:
            values[option.name] = option.read_keyword(given[option.name])
    check_together(values, str)
    if values["record"]:
        values.update(recording_places(values, values["data"], str))
    return values


def keyword_default(name: str) -> Any:
    """The default of one of MockServer's keywords."""
    return BY_NAME[name].keyword_default


SECRET_SETTINGS = ("control_token", "credential", "record")  # whose URLs may hold keys


@record
class Settings:
    """What all ports of a process are told; see OPTIONS.  `pace` is seconds between events, None
    if nobody has said it."""

    host: str = keyword_default("host")
    data: Sequence[str] = keyword_default("data")
    fallback: str = keyword_default("fallback")
    dialect: Sequence[str] = keyword_default("dialect")
    pace: Optional[float] = keyword_default("pace")
    require_auth: bool = keyword_default("require_auth")
    credential: Sequence[str] = keyword_default("credential")
    strict: Union[bool, str] = keyword_default("strict")
    max_body: int = keyword_default("max_body")
    seed: int = keyword_default("seed")
    log: str = keyword_default("log")
    journal: int = keyword_default("journal")
    control_token: str = keyword_default("control_token")
    record: Sequence[str] = keyword_default("record")
    record_to: Optional[str] = keyword_default("record_to")
    record_errors: bool = keyword_default("record_errors")
    record_ca: Optional[str] = keyword_default("record_ca")
    tls: bool = keyword_default("tls")
    cert: Optional[str] = keyword_default("cert")
    key: Optional[str] = keyword_default("key")
    tls_name: Sequence[str] = keyword_default("tls_name")
    tls_cert_out: Optional[str] = keyword_default("tls_cert_out")

    def __repr__(self) -> str:
        told = {name: getattr(self, name) for name in field_names(type(self))}
        for name in SECRET_SETTINGS:
            told[name] = "***" if told[name] else told[name]
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    @found_once
    def ports(self) -> Dict[int, str]:
        """The dialects of ports that have one."""
        return dict(map(port_and_dialect, self.dialect))
