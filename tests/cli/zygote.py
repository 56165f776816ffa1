"""Runs the `ims` command in processes that are forked from one which has imported it: that takes longer than most do.

What a command imports besides, it imports as usual; what it finds in its environment is what it was given.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock


class Zygote:
    """The process that the commands are forked from, one after the other."""

    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, without a terminal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="ims-zygote-") as folder:
            request = {"arguments": list(arguments), "environment": dict(environment), "folder": folder}
            with self._one_at_a_time:
                print(json.dumps(request), file=self._process.stdin, flush=True)
                code = int(self._process.stdout.readline())
            said, complained = ((Path(folder) / name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["ims", *arguments], code, said, complained)

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


@cache
def zygote() -> Zygote:
    """Return the one that all tests of this process share; the first call starts it."""
    return Zygote()


def end_zygote() -> None:
    """End the one that the tests of this process share, if they have started it."""
    if zygote.cache_info().currsize:
        zygote().end()


def serve() -> None:
    """Fork a process for each request, and answer with its exit code."""
    gc.disable()
    import cli.main

    warm_up()
    gc.enable()
    # A child whose garbage collector visits what it has inherited copies all of it: that took most of a command's time.
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if not (child := os.fork()):
            become(request)
            cli.main.main()
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def warm_up() -> None:
    """Import what most commands come to need, and have boto3 read its description of S3."""
    import prefect.client.orchestration  # noqa: F401
    import sqlalchemy.ext.asyncio
    import sqlalchemy.orm  # noqa: F401
    from pydantic import AnyHttpUrl, SecretStr

    from config.groups import S3
    from storage.s3.objects import ObjectStore

    key = SecretStr("unused")
    ObjectStore(S3(endpoint_url=AnyHttpUrl("http://127.0.0.1:9"), access_key=key, secret_key=key))


def become(request: dict[str, object]) -> None:
    """Take over a request's arguments, environment and outputs."""
    from prefect.context import refresh_global_settings_context

    folder, environment = Path(str(request["folder"])), request["environment"]
    for name, descriptor in ((os.devnull, 0), (folder / "stdout", 1), (folder / "stderr", 2)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)  # type: ignore[call-overload]
    # Prefect has read the environment when it was imported.
    refresh_global_settings_context()
    sys.argv = ["ims", *request["arguments"]]  # type: ignore[misc]


if __name__ == "__main__":
    serve()
