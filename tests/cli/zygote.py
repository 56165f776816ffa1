"""Runs the `ims` command in processes that are forked from one which has imported it: that takes longer than most do.

What a command imports besides, it imports as usual; what it finds in its environment is what it was given.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self


class Zygote:
    """The process that the commands are forked from, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, without a terminal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="ims-zygote-") as folder:
            request = {"arguments": list(arguments), "environment": dict(environment), "folder": folder}
            print(json.dumps(request), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            said, complained = ((Path(folder) / name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["ims", *arguments], code, said, complained)


def serve() -> None:
    """Fork a process for each request, and answer with its exit code."""
    import boto3.session  # noqa: F401 - what most commands come to need

    import cli.main
    import storage.s3.objects  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        if not (child := os.fork()):
            become(request)
            cli.main.main()
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(request: dict[str, object]) -> None:
    """Take over a request's arguments, environment and outputs."""
    folder, environment = Path(str(request["folder"])), request["environment"]
    for name, descriptor in ((os.devnull, 0), (folder / "stdout", 1), (folder / "stderr", 2)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)  # type: ignore[call-overload]
    sys.argv = ["ims", *request["arguments"]]  # type: ignore[misc]


if __name__ == "__main__":
    serve()
