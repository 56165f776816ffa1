"""Checks a script before anything runs: line ends of Windows, an interpreter that is no program, a missing run bit."""

import re

from errors import BadInput

# Shells that take a carriage return as part of a command. Python and Perl do not mind it.
_SHELLS = {"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"}
_HERE_DOCUMENT = re.compile(rb"(?<!<)<<-?\s*['\"\\]?([A-Za-z_][A-Za-z0-9_]*)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONVERT = "convert it, for instance with dos2unix; in git, `*.sh text eol=lf` in .gitattributes keeps it so"


def check_script(text: bytes, name: str, *, executable: bool = True) -> None:
    """Refuse a script that cannot run as it is.

    Args:
        text: Its content.
        name: Its path, for messages.
        executable: Whether it has the run bit. kiwi gives a script without it to bash, whatever its first line says.

    Raises:
        BadInput: It cannot; file and line are named.
    """
    if text.startswith(b"\x7fELF"):
        return
    first = text.partition(b"\n")[0]
    _check_first_line(first, name)
    interpreter = _interpreter(first, name)
    if interpreter and interpreter not in _SHELLS:
        if not executable:
            raise BadInput(
                f"{name} has no run bit: kiwi would give it to bash, and its first line names {interpreter}",
                resolution=f"chmod +x {name}, and pack the recipe again",
            )
        return
    if line := _first_windows_line(text):
        raise BadInput(
            f"{name}, line {line} has line ends of Windows: the shell would take them as part of the command",
            resolution=_CONVERT,
        )


def _check_first_line(first: bytes, name: str) -> None:
    """Refuse a first line by which the kernel finds no interpreter."""
    if b"\0" in first:
        raise BadInput(
            f"{name}, line 1 holds NUL bytes: it is no script, or one in UTF-16",
            resolution="save it as UTF-8, for instance by iconv -f UTF-16 -t UTF-8",
        )
    if first.startswith(_BYTE_ORDER_MARK):
        raise BadInput(
            f"{name}, line 1 begins with a byte order mark: its interpreter would not be found",
            resolution="save it as UTF-8 without the mark, for instance with dos2unix --remove-bom",
        )
    if first.startswith(b"#!") and first.endswith(b"\r"):
        raise BadInput(
            f"{name}, line 1 has line ends of Windows: its interpreter would not be found", resolution=_CONVERT
        )
    if first.startswith(b"#!") and b"\r" in first:
        raise BadInput(
            f"{name}, line 1 has line ends of an old Mac: the whole script would be the name of its interpreter",
            resolution="convert it, for instance with mac2unix",
        )


def interpreter_path(text: bytes) -> str:
    """Return the path of the program that a script's first line names; empty when it names none by its path."""
    first = text.partition(b"\n")[0]
    words = first[2:].decode(errors="replace").split() if first.startswith(b"#!") else []
    return words[0] if words and words[0].startswith("/") else ""


def _interpreter(first: bytes, name: str) -> str:
    """Return the name of the program that the first line names; empty when it names none."""
    words = first[2:].decode(errors="replace").split() if first.startswith(b"#!") else []
    if not words:
        return ""
    if not words[0].startswith("/"):
        raise BadInput(
            f"{name}, line 1 names the interpreter {words[0][:80]!r}, which is not a path",
            resolution=f"write #!/usr/bin/env {words[0][:80]}, or the whole path of the interpreter",
        )
    program = words[0].rpartition("/")[2]
    if program != "env":
        return program
    named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not named:
        raise BadInput(
            f"{name}, line 1 names no interpreter: env alone does not run the script",
            resolution="name one, for instance #!/usr/bin/env bash",
        )
    return named[0].rpartition("/")[2]


def _first_windows_line(text: bytes) -> int:
    """Return the first line of commands that ends as on Windows, counted from 1; 0 when there is none.

    Comments and here-documents may hold what they like.
    """
    end = b""
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        if end:
            end = b"" if line.strip() == end else end
            continue
        if line.lstrip().startswith(b"#"):
            continue
        if line.endswith(b"\r"):
            return number
        begun = _HERE_DOCUMENT.search(line)
        end = begun[1] if begun else b""
    return 0
