"""What --completions prints: how a shell completes the options, from their table.  Pure."""

from __future__ import annotations

import re
from typing import Callable, List, Mapping, Tuple

from .option_kinds import DIALECT, DIRECTORY, FILE, PLACE
from .options import OPTIONS, Option

FLAGGED_OPTIONS = [option for option in OPTIONS if option.flag[0] == "-"]
HELPFUL = {"--version": "say the version, and exit", "--help": "say this, and exit"}
# How the value of an option is completed: by files or directories, by words, of a NAME=WORD by one
# side of it, or not at all.
BY_FILE_PATH, BY_DIRECTORY, BY_WORD = "file", "directory", "word"
BY_NAME_OF_PAIR, BY_WORD_OF_PAIR, BY_NOTHING = "NAME=", "=WORD", ""


def completed_by(option: Option) -> str:
    """How the value of an option is completed."""
    if option.kind == FILE:
        return BY_FILE_PATH
    if option.kind in (DIRECTORY, PLACE):
        return BY_DIRECTORY
    if not option.kind.words:
        return BY_NOTHING
    if option.kind == DIALECT:
        return BY_WORD_OF_PAIR
    if "=" in option.metavar and not option.alone:
        return BY_NAME_OF_PAIR
    return BY_WORD


def words_and_names(option: Option) -> Tuple[str, str]:
    """Its words, and the same with the equals sign of a pair."""
    words = option.kind.words
    return " ".join(words), " ".join(f"{word}=" for word in words)


def several_words() -> List[str]:
    """The options behind which more than one word may stand."""
    return [option.flag for option in FLAGGED_OPTIONS if option.takes_several]


def in_short(option: Option) -> str:
    """What --help says of it, without what the completion itself shows."""
    return re.sub(r"; repeatable| \(default: .*", "", option.help)


def shell_word(text: str) -> str:
    """A text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def filled(template: str, **parts: str) -> str:
    """A script with parts of it, in place of their names in capitals."""
    for name, part in parts.items():
        template = template.replace(name, part)
    return template.rstrip("\n")


# --- bash ---

BASH = r"""# How bash completes the options of mock_server.py; in ~/.bashrc:
#     source <(mock_server.py --completions bash)

_mock_server_words() {  # what begins as the value does; bash has the part up to = already
    local IFS=$' \t\n' known=${value%"${value##*=}"} word
    for word in $1; do
        case "$word" in "$value"*) COMPREPLY+=("${word#"$known"}") ;; esac
    done
}

_mock_server_after() {  # words behind the = of a pair
    case "$value" in *=*) _mock_server_words "${*/#/${value%%=*}=}" ;; esac
}

_mock_server_paths() {  # files (-f), or directories (-d)
    local IFS=$'\n'
    compopt -o filenames 2> /dev/null
    COMPREPLY=($(compgen "$1" -- "$value"))
}

_mock_server_flags() {  # those that are not there yet, or may be there again
    local flag words='REPEATABLE'
    for flag in ONCE; do
        case "$before ${COMP_WORDS[*]:COMP_CWORD + 1} " in
            *" $flag "* | *" $flag="*) ;;
            *) words+=" $flag" ;;
        esac
    done
    _mock_server_words "$words"
}

_mock_server() {
    local IFS=$' \t\n' given word before key value
    COMPREPLY=()
    given=" ${COMP_WORDS[*]:1:COMP_CWORD}"
    given=${given// =/=} given=${given//= /=}  # to bash each = is a word of its own
    word=${given##* } before=${given% *}
    case "$word" in
        --*=*) key=${word%%=*}= value=${word#*=} ;;
        *) key=${before##* } value=$word ;;
    esac
    if [[ $value == -* ]]; then
        key=''
    elif [[ $key != -* ]]; then  # one of several words of an option
        key=-${before##* -}
        case "${key%% *}" in SEVERAL) key=${key%% *} ;; *) key='' ;; esac
    fi
    case "$key" in
VALUES
        *=) ;;
        *) _mock_server_flags ;;
    esac
}

complete -o bashdefault -F _mock_server mock_server.py mock-llm-provider
"""


def bash_value(option: Option) -> str:
    """The line of a `case` that completes an option's value."""
    words, names = words_and_names(option)
    done = {
        BY_FILE_PATH: " _mock_server_paths -f",
        BY_DIRECTORY: " _mock_server_paths -d",
        BY_WORD: f" _mock_server_words '{words}'",
        BY_NAME_OF_PAIR: f" compopt -o nospace 2> /dev/null; _mock_server_words '{names}'",
        BY_WORD_OF_PAIR: f" _mock_server_after {words}",
        BY_NOTHING: "",
    }
    keys = f"{option.flag}="
    if not option.alone:
        keys = f"{option.flag} | {keys}"
    return f"        {keys}){done[completed_by(option)]} ;;"


def for_bash() -> str:
    """The script for bash."""
    again = [option.flag for option in FLAGGED_OPTIONS if option.is_repeatable]
    once = [option.flag for option in FLAGGED_OPTIONS if not option.is_repeatable]
    return filled(
        BASH,
        REPEATABLE=" ".join(again),
        ONCE=" ".join([*once, *HELPFUL]),
        SEVERAL=" | ".join(several_words()),
        VALUES="\n".join(bash_value(option) for option in FLAGGED_OPTIONS if not option.is_flag),
    )


# --- zsh ---

ZSH = r"""#compdef mock_server.py mock-llm-provider
# How zsh completes the options of mock_server.py; in ~/.zshrc, after compinit:
#     source <(mock_server.py --completions zsh)

_mock_server_names() { compset -P '*=' || compadd -S = -- "$@"; }  # NAME=

_mock_server_after() { compset -P '*=' && compadd -- "$@"; }  # =WORD

_mock_server_several() {  # a further word of an option that may have several, or a port
    [[ ${words[1,CURRENT - 1][(R)-*]} = (SEVERAL) ]] && _files
}

_mock_server() {
    _arguments -S \
ARGUMENTS
        '*:PORT:_mock_server_several'
}

if [ "$funcstack[1]" = _mock_server ]; then
    _mock_server "$@"
else
    compdef _mock_server mock_server.py mock-llm-provider
fi
"""


def zsh_argument(option: Option) -> str:
    """An option as _arguments takes it."""
    words, _ = words_and_names(option)
    value = {
        BY_FILE_PATH: "_files",
        BY_DIRECTORY: "_directories",
        BY_WORD: f"({words})",
        BY_NAME_OF_PAIR: f"{{_mock_server_names {words}}}",
        BY_WORD_OF_PAIR: f"{{_mock_server_after {words}}}",
        BY_NOTHING: " ",
    }
    told = re.sub(r"([\[\]])", r"\\\1", in_short(option))
    mark, behind = "=", f":{option.metavar}:{value[completed_by(option)]}"
    if option.is_flag:
        mark = behind = ""
    elif option.alone:
        mark, behind = "=-", f"::VALUE:{value[completed_by(option)]}"
    argument = f"{option.flag}{mark}[{told}]{behind}"
    if option.is_repeatable:
        argument = f"*{argument}"
    return f"        {shell_word(argument)} \\"


def for_zsh() -> str:
    """The script for zsh."""
    helpful = [f"        '{flag}[{told}]' \\" for flag, told in HELPFUL.items()]
    return filled(
        ZSH,
        SEVERAL="|".join(several_words()),
        ARGUMENTS="\n".join([*map(zsh_argument, FLAGGED_OPTIONS), *helpful]),
    )


# --- fish ---

FISH = r"""# How fish completes the options of mock_server.py; in ~/.config/fish/config.fish:
#     mock_server.py --completions fish | source

function __mock_server_lacks  # whether an option that may be there once is not there yet
    set -l given (commandline -opc)
    # Before a value there is its option.
    if set -q argv[2]; and test "$given[-1]" = $argv[1]
        set -e given[-1]
    end
    not string match -qr -- "^$argv[1](=|\$)" $given
end

function __mock_server_several  # whether the last option may have several words
    contains -- (commandline -opc | string match -- '-*')[-1] SEVERAL
end

function __mock_server_after  # words behind the = of a pair
    set -l value (commandline -ct | string replace -r '^--[a-z-]+=' '')
    if string match -q '*=*' -- $value
        printf '%s\n' (string replace -r '=.*' = -- $value)$argv
    end
end

for command in mock_server.py mock-llm-provider
    complete -c $command -f
    complete -c $command -n __mock_server_several -F
LINES
end
"""


def fish_line(option: Option) -> str:
    """The command that completes one option."""
    words, names = words_and_names(option)
    value = {
        BY_FILE_PATH: "-r -F",
        BY_DIRECTORY: "-x -a '(__fish_complete_directories)'",
        BY_WORD: f"-x -a '{words}'",
        BY_NAME_OF_PAIR: f"-x -a '{names}'",
        BY_WORD_OF_PAIR: f"-x -a '(__mock_server_after {words})'",
        BY_NOTHING: "-x",
    }
    parts = [f"    complete -c $command -l {option.flag[2:]} -d {shell_word(in_short(option))}"]
    condition = f"__mock_server_lacks {option.flag}"
    if option.alone:
        parts.append(f"-a '{words}'")
    elif not option.is_flag:
        parts.append(value[completed_by(option)])
        condition += " VALUE"
    if not option.is_repeatable:
        parts.append(f"-n {shell_word(condition)}")
    return " ".join(parts)


def for_fish() -> str:
    """The script for fish."""
    helpful = [
        f"    complete -c $command -l {flag[2:]} -d {shell_word(told)}"
        for flag, told in HELPFUL.items()
    ]
    return filled(
        FISH,
        SEVERAL=" ".join(several_words()),
        LINES="\n".join([*map(fish_line, FLAGGED_OPTIONS), *helpful]),
    )


COMPLETIONS: Mapping[str, Callable[[], str]] = {
    "bash": for_bash,
    "zsh": for_zsh,
    "fish": for_fish,
}
