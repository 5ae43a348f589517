"""--completions, in the shells themselves: what each offers for the beginning of a line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest
from pages import page

import mock_server as m

FLAGS = {option.flag for option in m.FLAGGED_OPTIONS} | set(m.HELPFUL)
PATHS = {"mine", "main.pem"}

# The words of a line, the last one as far as it was typed, and what may become of that.
CASES: Dict[str, Set[str]] = {
    "--": FLAGS,
    "5001 --lo": {"--log"},
    "--tls --tl": {"--tls-name", "--tls-cert-out"},  # --tls is there
    "--log=off --lo": set(),
    "--data a --dat": {"--data"},  # it may be there again
    "--fallback ": {"error", "echo"},
    "--fallback=ec": {"echo"},
    "--completions f": {"fish"},
    "--strict=": {"all"},
    "--strict --lo": {"--log"},
    "--record o": {"openai", "ollama", "openrouter", "other"},
    "--record=openr": {"openrouter"},
    "--record openai=h": set(),
    "--credential voy": {"voyage"},
    "--dialect 5001=mi": {"mistral"},
    "--dialect=5001=gr": {"groq"},
    "--dialect ": set(),
    "--data m": {"mine"},
    "--record-to=m": {"mine"},
    "--cert m": PATHS,
    "--import a.har b.har m": PATHS,
    "--import a.har --sch": {"--schema"},
    "--import a.har --check m": set(),
    "--host ": set(),
    "--seed 5": set(),
}

BASH = """
compopt() { :; }  # it is for readline
function=$(complete -p mock_server.py | sed 's/.*-F \\([^ ]*\\).*/\\1/')
while IFS= read -r line; do
    echo '===='
    line=${line//=/ = }
    read -ra COMP_WORDS <<< "$line"
    case "$line" in *"= ") ;; *" ") COMP_WORDS+=("") ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    $function
    printf '%s\\n' "${COMPREPLY[@]}"
done
"""
# Of zsh a terminal is needed: what is typed there is completed by the key itself.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'source ./setup.zsh'
zpty -r shell shown '*READY*'
while IFS= read -r line; do zpty -w -n shell "$line"$'\\t\\C-xc'; done
zpty -w shell exit
while zpty -r shell shown; do :; done
cat found
"""
ZSH_SETUP = """
autoload -Uz compinit && compinit -u -D
source ./script
setopt no_auto_list no_auto_menu
compadd() {
    local -a found
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\\ * ]]; then
        builtin compadd -A found "$@"
        [[ -n $found ]] && print -rl -- $found >> found
    fi
    builtin compadd "$@"
}
next_line() { BUFFER=''; print '====' >> found; }
zle -N next_line
bindkey '^I' complete-word
bindkey '^Xc' next_line
LISTMAX=1000
PROMPT=READY
"""
FISH = """
source ./script
for line in (cat)
    echo '===='
    complete -C $line
end
"""
SHELLS: Dict[str, List[str]] = {
    "bash": ["bash", "--norc", "-c", "source ./script\n" + BASH],
    "zsh": ["zsh", "-f", "-c", ZSH],
    "fish": ["fish", "--no-config", "-c", FISH],
}


def offered(lines: str) -> Set[str]:
    """What a shell offers, but for what is said of it, and the part of the word up to =."""
    words = (line.partition("\t")[0].rstrip("=/") for line in lines.split("\n"))
    return {word.rpartition("=")[2] for word in words if word}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_options_and_their_values(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "main.pem").write_text("")
    (tmp_path / "found").write_text("====\n")
    (tmp_path / "script").write_text(m.COMPLETIONS[shell]() + "\n")
    (tmp_path / "setup.zsh").write_text(ZSH_SETUP)
    done = subprocess.run(
        SHELLS[shell],
        input="".join(f"mock_server.py {line}\n" for line in CASES),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        cwd=str(tmp_path),
        timeout=60,
    )
    assert done.stderr == ""
    found = map(offered, done.stdout.split("====\n")[1:])
    assert dict(zip(CASES, found)) == CASES


def test_they_are_printed(capsys: Any) -> None:
    assert list(m.COMPLETIONS) == m.SHELL.words
    for shell, script in m.COMPLETIONS.items():
        assert m.main(["--completions", shell]) == 0
        assert capsys.readouterr() == (script() + "\n", "")


def test_what_can_not_be_followed_is_told(capsys: Any) -> None:
    said = {
        "csh": '--completions: found "csh"; did you mean "zsh"?',
        "bash 5001": "port has no effect with --completions, which only prints them",
        "bash --tls": "--tls has no effect with --completions, which only prints them",
    }
    for line, problem in said.items():
        assert m.main(["--completions", *line.split()]) == 2
        assert capsys.readouterr().err == f"mock_server.py: {problem}\n"


# Whether a new shell of a user's knows them.
IS_KNOWN = {
    "bash": ["bash", "-c", "source ~/.bashrc; complete -p mock-llm-provider mock_server.py"],
    "zsh": ["zsh", "-i", "-c", "print ${_comps[mock-llm-provider]:?} ${_comps[mock_server.py]:?}"],
    "fish": ["fish", "-c", "complete -c mock_server.py | string match -- '*--tls*'"],
}
INSTALLED = """#!/bin/sh
[ "$1" = --schema ] && exec cat "$SCRIPTS/schema"
exec cat "$SCRIPTS/$2"
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_of_the_page_bring_them_into_a_shell(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    (tmp_path / "schema").write_text(m.indented(m.mock_schema()))
    (tmp_path / shell).write_text(m.COMPLETIONS[shell]())
    (tmp_path / ".zshrc").write_text("autoload -Uz compinit && compinit -u -D\n")
    (tmp_path / "mock-llm-provider").write_text(INSTALLED)
    (tmp_path / "mock-llm-provider").chmod(0o755)
    blocks = re.findall(r"(?s)```sh\n(.+?)```", page("editors"))
    lines = [block for block in blocks if "--schema" in block or f"--completions {shell}" in block]
    environment = {
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
        "SCRIPTS": str(tmp_path),
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
    }
    for command in [*(["sh", "-e", "-c", line] for line in lines), IS_KNOWN[shell]]:
        subprocess.run(command, cwd=str(tmp_path), env=environment, check=True, timeout=60)
    assert (tmp_path / "mock.schema.json").stat().st_size > 10_000
    assert len(lines) == 2
