"""ingest/shell_script.py: what a shell would stumble over is refused, what it runs is not."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest.shell_script import check_script


@pytest.mark.parametrize(
    ("text", "executable", "refusal"),
    [
        (b"#!/bin/bash\r\necho\r\n", True, "a.sh, line 1 has line ends of Windows: its interpreter would not be found"),
        (b"#!/bin/bash\r\necho\r\n", False, "a.sh, line 1 has line ends of Windows"),
        (b"#!/usr/bin/python3\r\nprint()\r\n", True, "a.sh, line 1 has line ends of Windows"),
        (b"#!/bin/sh\ntrue\nif true; then\r\ntrue; fi\n", True, "a.sh, line 3 has line ends of Windows: the shell"),
        (b"echo\r\n", False, "a.sh, line 1 has line ends of Windows: the shell"),
        (b"cat <<END\r\nEND\r\n", True, "a.sh, line 1 has line ends of Windows: the shell"),
        (b"\xef\xbb\xbf#!/bin/sh\n", True, "a.sh, line 1 begins with a byte order mark"),
        ("#!/bin/sh\n".encode("utf-16"), True, "a.sh, line 1 holds NUL bytes"),
        ("#!/bin/sh\n".encode("utf-16-le"), False, "a.sh, line 1 holds NUL bytes"),
        (b"MZ\0\0", True, "a.sh, line 1 holds NUL bytes"),
        (b"#!/bin/sh\rtrue", True, "a.sh, line 1 has line ends of an old Mac"),
        (b"#!bash\n", True, "a.sh, line 1 names the interpreter 'bash', which is not a path"),
        (b"#! env bash\n", True, "a.sh, line 1 names the interpreter 'env', which is not a path"),
        (b"#!/usr/bin/env\n", True, "a.sh, line 1 names no interpreter"),
        (b"#!/usr/bin/env -S A=b\n", True, "a.sh, line 1 names no interpreter"),
        (b"#!/usr/bin/python3\n", False, "a.sh has no run bit: kiwi would give it to bash, and its first"),
        (
            b"#!/usr/bin/env perl\n",
            False,
            "a.sh has no run bit: kiwi would give it to bash, and its first",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_file_and_line(text: bytes, executable: bool, refusal: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_script(text, "a.sh", executable=executable)
    assert refused.value.message.startswith(refusal)
    assert refused.value.resolution


@pytest.mark.parametrize(
    ("text", "executable"),
    [
        (b"", True),
        (b"echo no first line\n", True),
        (b"#!/bin/sh\necho\n", False),
        (b"#!/usr/bin/env -S bash -e\n", False),
        (b"#! /bin/bash -x\n", False),
        (b"#!/usr/bin/python3\nprint()\r\n", True),
        (b"#!/bin/sh\n# a comment of another system\r\ntrue\n", True),
        (b"#!/bin/sh\ncat > /etc/a.ini <<'END'\n[a]\r\nEND\ntrue\n", True),
        (b"#!/bin/sh\ncat > /etc/a.ini <<-END\n\t[a]\r\n\tEND\ntrue\n", True),
        (b"\x7fELF\r\n", True),
        (b"#!\ntrue\n", True),
        (b"#!/bin/sh\nexit\n\0\0\n", True),
    ],
)
def test_what_runs_is_not_refused(text: bytes, executable: bool) -> None:
    check_script(text, "a.sh", executable=executable)


LINES = st.sampled_from(
    ["true", "echo a", "# a", "if true; then", "fi", "", "cat <<END", "END", "x=1", "x='a'", "case a in", "esac"]
)


def is_refused(script: str) -> bool:
    try:
        check_script(script.encode(), "a.sh")
    except BadInput:
        return True
    return False


@settings(max_examples=25, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_a_script_that_is_not_refused_does_what_its_unix_form_does(lines: list[str], windows: set[int]) -> None:
    plain = "#!/bin/bash\n" + "".join(f"{line}\n" for line in lines)
    mixed = "#!/bin/bash\n" + "".join(
        f"{line}{chr(13) if number in windows else ''}\n" for number, line in enumerate(lines)
    )
    if not is_refused(mixed):
        ran, wanted = (subprocess.run(["bash"], input=text.encode(), capture_output=True) for text in (mixed, plain))
        assert (ran.returncode, ran.stdout.replace(b"\r", b"")) == (wanted.returncode, wanted.stdout)
