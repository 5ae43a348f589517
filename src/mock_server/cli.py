"""The command line: one table of options.  It only wires; may touch argparse, which is imported when it is needed."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Optional, Sequence

from .errors import BadMock, nearest, shown
from .limits import DEFAULT_PORT, GRACE_SECONDS, JOURNAL, MAX_BODY, __version__
from .mocks.sessions import Mocks
from .server import MockServer
from .sockets import Stop


class UsageError(Exception):
    """A command line or environment that can't be followed."""


def a_number(text: str) -> float:
    """Seconds, 0 or more."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise ValueError
    return value


def a_size(text: str) -> int:
    """Bytes, at least 1."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def a_count(text: str) -> int:
    """A number of things, maybe none."""
    value = int(text)
    if not 0 <= value <= 10**9:
        raise ValueError
    return value


def a_port(text: str) -> int:
    """A TCP port; 0 picks a free one."""
    if not 0 <= int(text) <= 65535:
        raise ValueError
    return int(text)


def a_name(text: str) -> str:
    """A host name, maybe with a wildcard, or an address."""
    if not re.fullmatch(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,250})|[0-9A-Fa-f:.]+", text):
        raise ValueError
    return text


def a_folder(text: str) -> str:
    """A directory that exists."""
    if not os.path.isdir(text):
        raise UsageError(f"no directory {text!r}")
    return text


def a_flag(text: str) -> bool:
    """1 or 0, in the environment."""
    if text not in ("0", "1"):
        raise ValueError
    return text == "1"


@dataclass(frozen=True)
class Option:
    """One option: `kind` reads its text, `expected` says what that must be; `many` may be repeated."""

    flag: str
    metavar: str
    kind: Callable[[str], Any]
    expected: str
    default: Any
    help: str
    many: bool = False

    @property
    def name(self) -> str:
        """Its name in Python."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "MOCK_SERVER_" + self.name.upper()

    def read(self, text: str, source: str) -> Any:
        """The value of its text; UsageError says where it came from."""
        try:
            return self.kind(text)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from None
        except ValueError:
            raise UsageError(f"{source}: expected {self.expected}, found {text!r}") from None


def one_of(*names: str) -> Callable[[str], str]:
    """One of some words."""

    def kind(text: str) -> str:
        if text not in names:
            raise UsageError(f"found {text!r}; {nearest(text, names)}")
        return text

    return kind


OPTIONS = (
    Option(
        "port",
        "PORT",
        a_port,
        "a port from 0 to 65535",
        [DEFAULT_PORT],
        "port to listen on, 0 for a free one; several are several upstreams in one process",
        True,
    ),
    Option("--host", "HOST", str, "an address", "127.0.0.1", "address to listen on"),
    Option(
        "--data",
        "DIR",
        a_folder,
        "a directory",
        None,
        "where mocks are read from (default: data/ beside the script, or here if it is a module)",
        True,
    ),
    Option(
        "--fallback",
        "error|echo",
        one_of("error", "echo"),
        "error or echo",
        "error",
        "a request that no mock matches: 404 that explains, or an echo of it",
    ),
    Option(
        "--pace",
        "SECONDS",
        a_number,
        "seconds from 0 to 3600",
        0.0,
        "pause between streamed events where a mock sets none",
    ),
    Option(
        "--require-auth",
        "",
        a_flag,
        "1 or 0",
        False,
        "401 in the provider's shape without the provider's credential",
    ),
    Option(
        "--tls",
        "",
        a_flag,
        "1 or 0",
        False,
        "serve HTTPS, with a certificate made at start by openssl unless one is given",
    ),
    Option("--cert", "FILE", str, "a file", None, "certificate for --tls, with --key"),
    Option("--key", "FILE", str, "a file", None, "its key"),
    Option(
        "--tls-name",
        "NAME",
        a_name,
        "a name or an address",
        None,
        "further name in the certificate made at start",
        True,
    ),
    Option(
        "--tls-cert-out",
        "FILE",
        str,
        "a file",
        None,
        "where to write that certificate, so that clients can trust it",
    ),
    Option(
        "--seed",
        "N",
        int,
        "a whole number",
        0,
        "seed of everything random (jitter, faults by probability)",
    ),
    Option(
        "--control-token",
        "TOKEN",
        str,
        "a token",
        "",
        "let clients that are not on loopback use the control API with this bearer token",
    ),
    Option(
        "--max-body",
        "BYTES",
        a_size,
        "a number of bytes",
        MAX_BODY,
        "largest request body; above it 413",
    ),
    Option(
        "--journal",
        "N",
        a_count,
        "a number of requests",
        JOURNAL,
        "how many requests a session remembers",
    ),
    Option(
        "--log",
        "text|json|off",
        one_of("text", "json", "off"),
        "text, json or off",
        "text",
        "request log on standard error",
    ),
    Option(
        "--exit-on-stdin-close",
        "",
        a_flag,
        "1 or 0",
        False,
        "stop when standard input closes, so that no server outlives its test",
    ),
    Option(
        "--check",
        "",
        a_flag,
        "1 or 0",
        False,
        "validate the mocks, print what is wrong, exit 0 or 2",
    ),
)


def parse_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> Dict[str, Any]:
    """The value of each option: from the command line, else the environment, else its default."""
    import argparse

    class Parser(argparse.ArgumentParser):
        """argparse with one line an error."""

        def error(self, message: str) -> NoReturn:
            raise UsageError(message)

    parser = Parser(
        prog="mock_server.py",
        allow_abbrev=False,
        description="A mock LLM server: OpenAI, Azure OpenAI, "
        "Gemini, Vertex AI, Anthropic, Bedrock, Cohere, Mistral and Ollama, without keys, money or network.",
        epilog="Each option can also be set as "
        "MOCK_SERVER_<OPTION>; repeatable ones are split at the path separator, flags take 1 or 0.",
    )
    for option in OPTIONS:
        words = option.help + (
            ""
            if option.default in (None, False)
            else f" (default: {shown(option.default).strip('[]')})"
        )
        words = words.replace("%", "%%").replace('"', "")
        if not option.metavar:
            parser.add_argument(option.flag, action="store_const", const="1", help=words)
        elif option.flag[0] != "-":
            parser.add_argument(option.flag, metavar=option.metavar, nargs="*", help=words)
        else:
            parser.add_argument(
                option.flag,
                metavar=option.metavar,
                action="append" if option.many else "store",
                help=words,
            )
    parser.add_argument("--version", action="version", version=f"mock_server.py {__version__}")
    given, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        flags = [option.flag for option in OPTIONS if option.flag[0] == "-"] + [
            "--version",
            "--help",
        ]
        raise UsageError(
            f"unknown argument {unknown[0]!r}; {nearest(unknown[0].partition('=')[0], flags)}"
        )
    options = {
        option.name: option_value(option, getattr(given, option.name), environment)
        for option in OPTIONS
    }
    check_tls(options)
    return options


def check_tls(options: Mapping[str, Any]) -> None:
    """Raise UsageError for options of TLS that don't go together."""
    if bool(options["cert"]) != bool(options["key"]):
        raise UsageError(
            "--cert and --key go together; give both, or neither for a certificate made at start"
        )
    for name in ("cert", "tls_name", "tls_cert_out"):
        if options[name] and not options["tls"]:
            raise UsageError(f"--{name.replace('_', '-')} needs --tls")
    for name in ("tls_name", "tls_cert_out"):
        if options[name] and options["cert"]:
            raise UsageError(
                f"--{name.replace('_', '-')} is for a certificate made at start; leave it out, or --cert and --key"
            )


def option_value(option: Option, given: Any, environment: Mapping[str, str]) -> Any:
    """One option's value."""
    if given in (None, []):
        text = environment.get(option.variable, "")
        if not text:
            return option.default
        if not option.many:
            return option.read(text, option.variable)
        found = [option.read(part, option.variable) for part in text.split(os.pathsep) if part]
        return found or option.default
    if option.many:
        return [option.read(text, option.flag) for text in given]
    return option.read(given, option.flag)


def data_directories(options: Mapping[str, Any]) -> List[str]:
    """The data directories asked for; else data/ beside the script or, for a module, right here."""
    if options["data"]:
        return list(options["data"])
    found = "data"
    if __spec__ is None:  # a script, which may be a link: its mocks are where it points to
        found = os.path.join(os.path.dirname(os.path.realpath(__file__)), "data")
    return [found] if os.path.isdir(found) else []


def check_mocks(directories: Sequence[str]) -> int:
    """Print what is wrong with the mocks; the exit status."""
    mocks = Mocks(directories)
    problems = mocks.load()
    for problem in problems or [f"{len(mocks.from_files)} mocks, nothing wrong"]:
        print(problem, file=sys.stderr)
    return 2 if problems else 0


def serve(options: Mapping[str, Any]) -> List[MockServer]:
    """The servers that the options ask for, one a port, already listening."""
    names = (
        "host",
        "fallback",
        "pace",
        "require_auth",
        "max_body",
        "seed",
        "log",
        "journal",
        "control_token",
        "tls",
        "cert",
        "key",
        "tls_cert_out",
    )
    servers: List[MockServer] = []
    for port in options["port"]:
        try:
            if servers:
                servers.append(MockServer(port, host=options["host"], core=servers[0].core))
            else:
                servers.append(
                    MockServer(
                        port,
                        data=data_directories(options),
                        tls_name=options["tls_name"] or (),
                        **{name: options[name] for name in names},
                    )
                )
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that is no name
            if (
                isinstance(error, OSError) and error.errno is None
            ):  # of this file's own making, and a sentence already
                raise
            reason = getattr(error, "strerror", None) or error
            raise OSError(f"can't listen on {options['host']} port {port}: {reason}") from None
    return servers


def announce(lines: Sequence[str]) -> None:
    """Print lines, whether or not somebody reads them."""
    try:
        for line in lines:
            print(line, flush=True)
    except OSError:
        pass  # standard output is a pipe whose other end is closed


def run(options: Mapping[str, Any]) -> int:
    """Serve until a signal, or the end of standard input if that is asked for."""
    with contextlib.closing(Stop(signal.SIGINT, signal.SIGTERM)) as stop:
        serve_until(stop, options)
    return 0


def serve_until(stop: Stop, options: Mapping[str, Any]) -> None:
    """Serve until it is time to stop, then close all servers at the same time."""
    servers = serve(options)
    lines = [f"listening on {server.start().url}" for server in servers]
    threading.Thread(
        target=announce, args=(lines,), daemon=True
    ).start()  # a full pipe must not keep it from stopping
    gc.freeze()  # what is there now stays; looking through it again and again takes milliseconds
    if options["host"] not in ("127.0.0.1", "::1", "localhost"):
        servers[0].core.log.say(f"{options['host']} may be reached from other machines")
    if not servers[0].core.mocks.from_files and options["fallback"] == "error":
        servers[0].core.log.say(
            "no mocks: put them in mocks/ of a --data directory, or try --fallback echo"
        )
    if options["exit_on_stdin_close"]:
        threading.Thread(target=wait_for_end, args=(stop,), daemon=True).start()
    stop.wait()
    closing = [threading.Thread(target=server.close, daemon=True) for server in servers]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(GRACE_SECONDS + 0.4)


def wait_for_end(stop: Stop) -> None:
    """Read standard input until it closes, then say stop."""
    try:
        while os.read(0, 65536):
            pass
    except OSError:
        pass  # it was closed from the start
    stop.set()


def open_standard_streams() -> None:
    """Open what whoever started the server has closed, before a socket gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def complain(message: str) -> None:
    """A line on standard error, if there is one."""
    if sys.stderr:
        print(message, file=sys.stderr)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line; the exit status: 0, 1 (the system says no) or 2 (usage, or mocks that can't be used)."""
    try:
        options = parse_arguments(sys.argv[1:] if arguments is None else arguments, os.environ)
        return check_mocks(data_directories(options)) if options["check"] else run(options)
    except UsageError as error:
        complain(f"mock_server.py: {error}")
        return 2
    except BadMock as error:
        complain(f"mock_server.py: invalid mocks:\n{error}")
        return 2
    except OSError as error:
        complain(f"mock_server.py: {error}")
        return 1
