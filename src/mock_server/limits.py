"""Version, defaults, bounds, and names of types that all rooms use.  Touches nothing."""

from __future__ import annotations

from typing import Any, Tuple

__version__ = "1.0.0"

DEFAULT_PORT = 5001
CONTROL_PREFIX = "/__mock__"

# --- what is read of a request ---

HEAD_LIMIT = 64 * 1024  # bytes of its head; above it 431
LINE_LIMIT = 16 * 1024  # bytes of its first line; above it 414
MAX_BODY = 16 * 1024 * 1024  # default of --max-body; above it 413
DEPTH_LIMIT = 200  # levels of nested JSON; json.loads itself gives up at about 1000
DIGIT_LIMIT = 1000  # digits of an integer; converting more takes quadratic time
MOST_INPUTS = 2048  # texts to embed or to judge, where the provider does not take fewer
MOST_CODINGS = 4  # content codings of one body; above it 415
MOST_FIELDS = 1000  # lines of headers; above it 431

# --- how long a client may take ---

IDLE_SECONDS = 75.0  # a connection without a request is closed after this
HEAD_SECONDS = 20.0  # from a request's first byte to the end of its head
BODY_SECONDS = 60.0  # and to the end of its body
STALL_SECONDS = 30.0  # a client that takes no byte for this long is given up
LINGER_SECONDS = 2.0  # how long a refused client may go on sending while it reads why

# --- how much is done at once ---

WORKERS = 4  # threads for what takes long
LONG = 256 * 1024  # bytes of a body or an answer that are too many for the loop's own thread
JOINED = 64 * 1024  # bytes of a stream that leave in one write; then it is another's turn
LOG_LINES = 10_000  # log lines that may wait for a slow standard error
LOG_ROOM = 32 * 1024 * 1024  # bytes of memory that they may take meanwhile
GRACE_SECONDS = 1.5  # how long responses under way may take at shutdown
QUIET_SECONDS = 0.0001  # no client answers, changes a file and asks again within this

# --- what is forwarded ---

MOST_FORWARDED = 64  # requests at once, each with a thread; others wait for their turn
FORWARD_TURN_SECONDS = 30.0  # and no longer than this
CONNECT_SECONDS = 10.0  # that an upstream may take to accept a connection
SILENT_SECONDS = 60.0  # an upstream that says nothing for this long is given up
HELD_SECONDS = 1.0  # for which the beginning of a whole answer waits for its end
LEFT_SECONDS = 300.0  # that an answer may take to its end, for its recording alone
PASSAGE_ROOM = 1024 * 1024  # bytes of an answer that wait for a slow client
RECORDED_ROOM = 64 * 1024 * 1024  # bytes of a body that are recorded
RECORDING_ROOM = 128 * 1024 * 1024  # and of all that are under way
CLOSING_SECONDS = 0.25  # that a recording may take to its end, when the server is closed

# --- for tests: what they ask for and look at ---

RETRY_SECONDS = 1  # what a rate limit tells a client to wait: short, for tests do
WAIT_SECONDS = 600.0  # longest wait for a request that a test may ask for
SESSIONS = 1000  # sessions that are kept; then one goes that has nothing of its own
MOCKS_ROOM = 64 * 1024 * 1024  # bytes of memory of all mocks that are added at run time
STORED_ROOM = 32 * 1024 * 1024  # and of all responses that are stored; then the older half goes
JOURNAL = 1000  # default of --journal: requests that a session remembers
JOURNAL_BODY = 64 * 1024  # bytes of a request's body that the journal keeps
JOURNAL_ROOM = 64 * 1024 * 1024  # bytes of all that it keeps, about
LIVE_BACKLOG = 4 * 1024 * 1024  # bytes that may wait for a slow reader of the live journal

# Hosts with OpenAI's format, each with its own way of it (design: dialects); the first is plain.
DIALECTS = (
    *("openai", "mistral", "openrouter", "vllm", "deepseek", "groq", "gemini", "ollama"),
    "bedrock",
)

# Whose credentials can be told apart: providers, and hosts with OpenAI's format or a rerank API.
CREDENTIAL_NAMES = (
    *("openai", "azure", "gemini", "vertex_ai", "anthropic", "bedrock", "cohere", "mistral"),
    *("openrouter", "vllm", "deepseek", "groq", "voyage", "jina"),
)

# What may be forwarded, by name: providers, hosts with OpenAI's format, and paths of neither.
RECORD_NAMES = (
    *("openai", "azure", "gemini", "vertex_ai", "anthropic", "bedrock", "cohere", "ollama", "vllm"),
    *("mistral", "openrouter", "deepseek", "groq", "other"),
)

# --- types ---

Json = Any
Headers = Tuple[Tuple[str, str], ...]
Difference = Tuple[str, Any, Any]  # key, got, expected
