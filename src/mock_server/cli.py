"""The command line: its words become options, and those a server.

It only wires.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .completions import COMPLETIONS
from .core import Core
from .environment import passed_over, without_links
from .errors import BadMock, nearest, shown
from .importing.command import MOST_LINES_TOLD, import_files
from .jsons import indented
from .limits import GRACE_SECONDS
from .mocks.doubts import doubts_about, refused_first
from .mocks.json_schema import mock_schema
from .mocks.patterns import WATCHDOG
from .mocks.sessions import Mocks
from .option_kinds import BadOption
from .options import BY_NAME, INSTEAD, OPTIONS, Option, Settings
from .options_together import check_ports, check_together, recording_places
from .records import field_names
from .server import MockServer
from .trimming import give_back_memory
from .usage import parser

SETTLED_SECONDS = 0.1  # after which memory is given back: who waits for the port is served first


MOST_DESCRIPTORS = 65536  # that are asked of the system


def parse_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> Dict[str, Any]:
    """The value of each option: from the command line, else the environment, else its default."""
    given, unknown = parser().parse_known_args([with_value(word) for word in arguments])
    if unknown:
        meant = meant_as_value(unknown[0], arguments) or meant_by(unknown[0])
        raise BadOption(f"unknown argument {without_secret(unknown[0])}; {meant}")
    values = {}
    variables = without_links(environment)
    # Credentials first: what is wrong with a port may be that it is the secret of one.
    for option in sorted(OPTIONS, key=lambda one: one.name != "credential"):
        values[option.name] = option_value(option, getattr(given, option.name), variables)

    def spelled(name: str) -> str:
        """An option as whoever set it knows it."""
        option = BY_NAME[name]
        if variables.get(option.variable) and getattr(given, name) in (None, []):
            return option.variable
        return option.flag

    check_ports(values["port"])
    check_together(values, spelled)
    there = [option for option in OPTIONS if getattr(given, option.name)]
    check_import(values, there)
    check_completions(values, there)
    if values["record"]:
        values["record_to"] = place_of_recordings(values)
        values.update(recording_places(values, data_directories(values), spelled))
    return values


# Options that mean something beside --import.
BESIDE_IMPORT = ("import", "data", "record_to", "record_errors", "strict")


def check_import(values: Mapping[str, Any], given: Sequence[Option]) -> None:
    """Raise BadOption for what the command line says of serving beside --import, which does not."""
    if not values["import"]:
        return
    for option in given:
        if option.name in BESIDE_IMPORT:
            continue
        if option.name == "port":
            raise BadOption(
                "--import writes mocks and serves nothing; leave out the port, and start the "
                "server afterwards"
            )
        raise BadOption(f"{option.flag} has no effect with --import, which serves nothing")


def check_completions(values: Mapping[str, Any], given: Sequence[Option]) -> None:
    """Raise BadOption for what the command line says beside --completions."""
    others = [option.flag for option in given if option.name != "completions"]
    if values["completions"] and others:
        raise BadOption(f"{others[0]} has no effect with --completions, which only prints them")


def with_value(word: str) -> str:
    """A word of the command line, with a value if it is an option that need not have one: argparse
    would take the next word for it."""
    alone = {option.flag: option.alone for option in OPTIONS if option.alone}
    if word in alone:
        return f"{word}={alone[word]}"
    return word


def without_secret(unknown: str) -> str:
    """An argument that there is not, for a message: what may be a credential is not shown."""
    word, equals, value = unknown.partition("=")
    if word[:1] != "-" and not word.isdecimal():
        return "that is neither an option nor a port"
    if value.isdecimal():
        return shown(unknown)
    return shown(word + equals)


def meant_as_value(unknown: str, arguments: Sequence[str]) -> str:
    """How to write what may be meant as the value of the option before it, which need not have
    one."""
    for before, word in zip(arguments, arguments[1:]):
        for option in OPTIONS:
            if word == unknown and option.alone and before == option.flag:
                example = before + option.metavar[1:-1]
                return f'a value of {before} stands behind "=", as in {example}'
    return ""


def meant_by(unknown: str) -> str:
    """What may be meant by an argument that there is not."""
    word = unknown.partition("=")[0]
    if word in ("-p", "--port", "--ports"):
        return "ports need no flag, as in mock_server.py 5001"
    flags = [option.flag for option in OPTIONS if option.flag[0] == "-"]
    return nearest(word, [*flags, "--version", "--help"])


def option_value(option: Option, given: Any, environment: Mapping[str, str]) -> Any:
    """One option's value; `given` is what the command line has, None or [] if it has nothing."""
    if given not in (None, []):
        if option.is_repeatable:
            return [option.read(text, option.flag) for text in given]
        return option.read(given, option.flag)
    text = environment.get(option.variable, "")
    if option.is_repeatable:
        parts = option.kind.separate(text)
        return [option.read(part, option.variable) for part in parts] or list(option.default)
    if not text:
        return option.default
    return option.read(text, option.variable)


def data_directories(options: Mapping[str, Any]) -> List[str]:
    """The data directories asked for; else the usual one, if it is there."""
    if options["data"]:
        return list(options["data"])
    found = usual_directory()
    return [found] if os.path.isdir(found) else []


def usual_directory() -> str:
    """data/ beside the script or, for a module, right here."""
    found = "data"
    if __spec__ is None:  # a script, which may be a link: its mocks are where it points to
        found = os.path.join(os.path.dirname(os.path.realpath(__file__)), "data")
    return found


def place_of_recordings(options: Mapping[str, Any]) -> str:
    """Where recordings go; a directory that is not there is made for the first of them."""
    told = [options["record_to"], *data_directories(options), usual_directory()]
    return str(next(filter(None, told)))


def none_in(directory: str) -> str:
    """That a data directory has no mocks, and which was meant if it is their own."""
    told = f"no mocks in {os.path.join(directory, 'mocks')}/, as *.json files"
    above, name = os.path.split(os.path.normpath(directory))
    if name == "mocks":
        told += f"; did you mean --data {above or '.'}?"
    return told


def check_mocks(directories: Sequence[str], is_strict: bool, most: int = sys.maxsize) -> int:
    """Print what is wrong with the mocks, or what may be, in so many lines at most; the exit
    status."""
    mocks = Mocks(directories)
    problems = mocks.files.load()
    if problems:
        complain("\n".join(shortened_list(problems, most)))
        return 2
    doubtful = doubts_about(mocks.from_files)
    if is_strict:
        doubtful.extend(refused_first(mocks.from_files))
    counts = list(zip(directories, mocks.files.counts))
    if not directories:
        doubtful.append("there is no data directory; name one with --data")
    for directory, count in counts:
        if not count:
            doubtful.append(none_in(directory))
    lines = []
    if len(counts) > 1:
        lines = [f"{directory}: {number_of_mocks(count)}" for directory, count in counts]
    verdict = "nothing wrong"
    if doubtful:
        verdict = f"{len(doubtful)} doubtful"
    summary = f"{number_of_mocks(len(mocks.from_files))}, {verdict}"
    complain("\n".join([*shortened_list(doubtful, most), *lines, summary]))
    return 0


def shortened_list(lines: Sequence[str], most: int) -> List[str]:
    """The first lines, and how many more there are."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"{len(lines) - most} more; --check tells them all"]


def import_into(options: Mapping[str, Any]) -> int:
    """Make mocks of files, check what is then in their data directory, and print what became of
    all; the exit status."""
    root = place_of_recordings(options)
    imported = import_files(options["import"], root, options["record_errors"])
    complain("\n".join(imported.lines))
    if imported.problem:
        raise OSError(imported.problem)
    status = 0
    if imported.count:
        status = check_mocks([root], bool(options["strict"]), MOST_LINES_TOLD)
    return 2 if imported.is_bad else status


def number_of_mocks(count: int) -> str:
    """A number of mocks in words."""
    return "1 mock" if count == 1 else f"{count} mocks"


def serve(options: Mapping[str, Any]) -> List[MockServer]:
    """The servers that the options ask for, one a port, already listening."""
    values = {name: options[name] for name in field_names(Settings)}
    core = Core(Settings(**{**values, "data": data_directories(options)}))
    servers: List[MockServer] = []
    for port in options["port"]:
        try:
            servers.append(MockServer(port, host=core.settings.host, core=core))
        except OSError as error:
            raise OSError(error.strerror) from None  # without its number
    return servers


def announce(lines: Sequence[str]) -> None:
    """Print lines, whether or not somebody reads them."""
    try:
        for line in lines:
            print(line, flush=True)
    except OSError:
        pass  # standard output is a pipe whose other end is closed


def run(options: Mapping[str, Any], notes: Sequence[str]) -> int:
    """Serve until a signal, or the end of standard input if that is asked for; `notes` are for the
    log."""
    raise_descriptor_limit()
    servers = serve(options)
    core = servers[0].core

    def stop(*signal_and_frame: Any) -> None:
        """Close all servers at the same time: one after the other would add up their grace."""
        for server in servers:
            core.loop.call(server.begin_to_close, GRACE_SECONDS)
        if signal_and_frame:
            WATCHDOG.interrupt()

    WATCHDOG.watch(core.loop.call, core.log.say)
    # A signal that comes just before the loop waits is a byte that it finds there.
    signal.set_wakeup_fd(core.loop.bell.writer.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for server in servers:
        core.loop.call(server.listener.open)
    lines = [f"listening on {server.url}" for server in servers]
    # In a thread: a pipe that is full, and that nobody reads, must not keep it from serving.
    try:
        threading.Thread(target=announce, args=(lines,), daemon=True).start()
    except RuntimeError:  # there are as many threads as there may be
        announce(lines)
    sys.setswitchinterval(0.001)  # what takes long, in its own thread, lets the loop be on time
    gc.freeze()  # what is there now stays; looking through it again and again takes milliseconds
    core.loop.at(time.monotonic() + SETTLED_SECONDS, give_back_memory)
    warn(core, notes)
    if options["exit_on_stdin_close"]:
        threading.Thread(target=wait_for_end, args=(stop,), daemon=True).start()
    try:
        core.run()
    finally:
        WATCHDOG.unwatch()
    return 0


def raise_descriptor_limit() -> None:
    """Take as many descriptors as may be had: each connection needs one, and 1,024 is the usual
    limit."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_DESCRIPTORS
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ImportError, OSError, ValueError):
        pass  # Windows, or a system that says no


def warn(core: Core, notes: Sequence[str]) -> None:
    """Say in the log what may not be meant; the notes about the environment without a log, too, for
    it may be one of them that has switched it off."""
    for note in notes:
        if core.log.mode == "off":
            complain(note)
        else:
            core.log.say(note)
    host = core.settings.host
    if host not in ("127.0.0.1", "::1", "localhost"):
        core.log.say(f"{host} may be reached from other machines")
    if core.settings.strict:
        for doubt in refused_first(core.mocks.from_files):
            core.log.say(doubt)
    if core.forwarder:
        told = core.forwarder.upstreams.told()
        core.log.say(f"what no mock matches is recorded in {core.settings.record_to}: {told}")
    is_silent = core.settings.fallback == "error" and not core.settings.record
    if not core.mocks.from_files and is_silent:
        core.log.say("no mocks: put them in mocks/ of a --data directory, or try --fallback echo")


def wait_for_end(stop: Callable[[], None]) -> None:
    """Read standard input until it closes, then say stop."""
    while not has_ended(0):
        pass
    stop()


def has_ended(number: int) -> bool:
    """Whether a descriptor has nothing more to read; what it has is read, or waited for."""
    try:
        return not os.read(number, 65536)
    except BlockingIOError:  # whoever started the server has made it not block
        select.select([number], [], [])
        return False
    except OSError:
        return True  # it was closed from the start


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
    """The command line.  The exit status is 0, 1 where the system says no, or 2 for usage and for
    mocks that can't be used."""
    try:
        options = parse_arguments(sys.argv[1:] if arguments is None else arguments, os.environ)
        notes = passed_over(os.environ)
        if not any(options[option.name] for option in OPTIONS if option.group == INSTEAD):
            return run(options, notes)
        for note in notes:
            complain(note)
        if options["schema"]:
            announce([indented(mock_schema())])
            return 0
        if options["completions"]:
            announce([COMPLETIONS[options["completions"]]()])
            return 0
        if options["import"]:
            return import_into(options)
        return check_mocks(data_directories(options), bool(options["strict"]))
    except BadMock as error:
        complain(f"mock_server.py: invalid mocks:\n{error}")
        return 2
    except BadOption as error:
        complain(f"mock_server.py: {error}")
        return 2
    except OSError as error:
        complain(f"mock_server.py: {error}")
        return 1
