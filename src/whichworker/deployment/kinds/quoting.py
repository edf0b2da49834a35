"""One word as each format writes it; a word that a format cannot say is refused, never bent.

No format is given a control character: a newline in a path would begin a directive of its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from whichworker.errors import UsageError

PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

INLINE = r"(?<=\s)[;#]|%\(here\)s"
"""Signs that supervisor replaces in a value, whatever its quotes."""


def _checked(word: str, reader: str, refused: str = "") -> str:
    bad = CONTROL.search(word) or (re.search(refused, word) if refused else None)
    if bad:
        raise UsageError(
            f"{reader} cannot write {word!r}: it has the character {bad[0]!r}",
            hint="rename the folder or the variable, or leave this kind of file out",
        )
    return word


def place(path: str) -> str:
    """A path of the deployment, as it stands in comments and files."""
    return _checked(path, "a file to deploy with")


def shell(word: str) -> str:
    """A word for sh(1)."""
    return shlex.quote(_checked(word, "a shell script"))


def systemd(word: str, *, variables: bool = True) -> str:
    """A word by systemd.syntax(7) and systemd.service(5), where % and $ are special."""
    told = _checked(word, "systemd").replace("%", "%%")
    told = told.replace("$", "$$") if variables else told
    if PLAIN.fullmatch(told):
        return told
    escaped = told.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def systemd_path(path: str) -> str:
    """The rest of a line that is one path, without quotes; a backslash would continue the line."""
    return _checked(path, "systemd", r"\\$|\s$").replace("%", "%%")


def systemd_glob(path: str) -> str:
    """The rest of a line that is a pattern for files, which has no escapes."""
    return systemd_path(_checked(path, "systemd", r"[*?\[{]"))


def systemd_word(path: str) -> str:
    """A path in a list of paths, in the quotes that it does not contain: there are no escapes."""
    quote = "'" if '"' in path else '"'
    return f"{quote}{_checked(path, 'systemd', quote).replace('%', '%%')}{quote}"


def docker(value: str) -> str:
    """The value of an ENV instruction, where a backslash and $ are special."""
    escaped = re.sub(r'(["\\$])', r"\\\1", _checked(value, "docker"))
    return escaped if PLAIN.fullmatch(escaped) else f'"{escaped}"'


def dockerignore(path: str) -> str:
    """A pattern that matches one path below the root; a line ends before its last spaces.

    Docker makes a regular expression of a pattern, so punctuation is escaped:
    https://pkg.go.dev/github.com/moby/patternmatcher
    """
    _checked(path, "docker", r"\s$")
    return "/" + re.sub(r"[^\w./-]", lambda sign: "\\" * sign[0].isascii() + sign[0], path)


def supervisor_line(text: str) -> str:
    """The rest of a line; % is special, and a comment begins after a space."""
    _checked(text, "supervisor", rf"{INLINE}|\s$")
    return text.replace("%", "%%")


def supervisor_command(words: Iterable[str]) -> str:
    """A command, in which quotes part a space from a sign that would begin a comment."""
    text = " ".join(map(shell, words))
    return supervisor_line(re.sub(r"(?<=\s)(?=[;#])", "''", text))


def supervisor(value: str) -> str:
    """The value of a variable, in the quotes that it does not contain; % is special.

    Quotes at its ends are lost, and there are no escapes.
    """
    quote = "'" if '"' in value else '"'
    _checked(value, "supervisor", rf"{quote}|^['\"]|['\"]$|{INLINE}")
    return f"{quote}{value.replace('%', '%%')}{quote}"


def nginx(word: str) -> str:
    """A word in double quotes; nginx has no way to write a dollar sign."""
    escaped = _checked(word, "nginx", r"\$").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def yaml(text: str) -> str:
    """A string, which also YAML 1.1 does not take for a number, a date or a switch."""
    letters = _checked(text, "yaml").replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(one if one.isascii() else f"\\U{ord(one):08x}" for one in letters)
    return f'"{shown}"'
