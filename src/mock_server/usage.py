"""What --help says: the options in groups, examples, the shape of a mock.

May touch argparse, which is imported when it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, NoReturn, Type

from .limits import __version__
from .option_kinds import BadOption
from .options import OPTIONS, Option

if TYPE_CHECKING:
    import argparse

COLUMNS = 80  # columns, whatever the terminal has: it is read in logs and pipes, too

DESCRIPTION = """\
A mock LLM server: OpenAI, Azure OpenAI, Gemini, Vertex AI, Anthropic, Bedrock,
Cohere, Mistral and Ollama, without keys, money or network."""

EPILOG = """\
examples:
  mock_server.py 5001                   serve the mocks of data/ on port 5001
  mock_server.py 0 --fallback echo      any free port; answers what was asked
  mock_server.py 5001 5002 --data mine  two upstreams, the mocks of mine/mocks/
  mock_server.py --check --data mine    what is wrong with those mocks
  mock_server.py --schema > mock.schema.json
  mock_server.py 5001 --data mine --record openai=https://api.openai.com
                                        forward what is new, and record it
  mock_server.py --import a.har --data mine   mocks of what a browser saw

a mock, one of an array in DIR/mocks/*.json; the first that matches answers:
  {"match": {"user": {"contains": "weather"}, "model": "gpt-4o"},
   "response": {"text": "Sunny."}}

  match     operation, provider, model, user, system, tools, path, body ...
  response  text, tool_calls, usage ...; or body, events; or raw; or error; or
            fault; and status, headers, delay, pace, keepalive, gzip, wire, gate

Each option can also be set as MOCK_SERVER_<OPTION>; repeatable ones are split
at the path separator, RECORD at spaces; flags take 1, 0, true or false."""


def parser() -> argparse.ArgumentParser:
    """What tells the words of a command line apart."""
    made = parser_class()(
        prog="mock_server.py",
        usage="mock_server.py [PORT ...] [options]",
        allow_abbrev=False,  # a new option must not change what an old command line means
        description=DESCRIPTION,
        epilog=EPILOG,
        add_help=False,
        formatter_class=formatter_class(),
    )
    groups: Dict[str, Any] = {}
    for option in OPTIONS:
        if option.group not in groups:
            groups[option.group] = made.add_argument_group(option.group)
        groups[option.group].add_argument(
            option.flag, help=described(option), **argument_kind(option)
        )
    last = groups[OPTIONS[-1].group]
    last.add_argument(
        "--version",
        action="version",
        version=f"mock_server.py {__version__}",
        help="say the version, and exit",
    )
    last.add_argument("-h", "--help", action="help", help="say this, and exit")
    return made


def parser_class() -> Type[argparse.ArgumentParser]:
    """argparse with one line an error."""
    import argparse

    class Parser(argparse.ArgumentParser):
        """An error is raised, not printed below the usage."""

        def error(self, message: str) -> NoReturn:
            raise BadOption(message)

        def format_help(self) -> str:
            """The text, with a value that may be left out right behind its option."""
            return re.sub(r" (\[=\w+\])", r"\1 ", super().format_help())

    return Parser


def formatter_class() -> Any:
    """How argparse lays the text out."""
    import argparse

    class Formatter(argparse.RawDescriptionHelpFormatter):
        """The same on every terminal."""

        def __init__(self, prog: str) -> None:
            super().__init__(prog, max_help_position=26, width=COLUMNS)

    return Formatter


def argument_kind(option: Option) -> Dict[str, Any]:
    """How argparse is told what words an option takes."""
    if option.is_flag:
        return {"action": "store_const", "const": "1"}
    if option.flag[0] != "-":
        return {"metavar": option.metavar, "nargs": "*"}
    if option.takes_several:
        return {"metavar": option.metavar, "action": "extend", "nargs": "+"}
    if option.is_repeatable:
        return {"metavar": option.metavar, "action": "append"}
    return {"metavar": option.metavar}


def described(option: Option) -> str:
    """An option's line of --help."""
    words = option.help
    if option.is_repeatable and option.default:
        words += f" (default: {', '.join(map(str, option.default))})"
    elif option.default:
        words += f" (default: {option.default})"
    return words.replace("%", "%%")  # argparse fills in what a % begins
