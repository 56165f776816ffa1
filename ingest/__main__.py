"""The child: `python -I -m ingest <program>` confines itself, runs one program and prints its answer.

The request is JSON on standard input: `limits`, `parent` (a process id) and `arguments`. The answer is JSON:
`{"value": …}`, `{"refused": [message, resolution]}`, `{"no_room": message}` for a full disk, or for a defect
`{"failed": [what, traceback]}`.

The rule: no exception of a library leaves this process as one.
"""

import errno
import importlib
import json
import sys
import traceback
from typing import Any

from errors import BadInput
from ingest.jail import TimeLimit, confine
from ingest.limits import Limits

PROGRAMS = {
    "unpack": "ingest.recipe_unpacking",
    "unpack-script": "ingest.script_unpacking",
    "render": "ingest.templates",
    "describe": "ingest.config_xml",
    "ask-kiwi": "ingest.kiwi_classes",
}
LONGEST_MESSAGE = 1000
LONGEST_TRACEBACK = 8000
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def main() -> None:
    """Run the program that the command line names."""
    request = json.load(sys.stdin.buffer)
    limits = Limits(**request["limits"])
    program = importlib.import_module(PROGRAMS[sys.argv[1]])
    confine(limits, request["parent"])
    sys.stdout.buffer.write(answer_of(program.run, request["arguments"], limits))


def answer_of(run: Any, arguments: dict[str, Any], limits: Limits) -> bytes:
    """Call a program, and return its answer: its value, or words for whatever it raises."""
    try:
        return _run(run, arguments, limits)
    except BadInput as refusal:
        return json.dumps({"refused": [_plain(refusal.message), _plain(refusal.resolution)]}).encode()
    except OSError as error:
        if error.errno in _NO_ROOM:
            return json.dumps({"no_room": _plain(str(error))}).encode()
        return _failed(error)
    except Exception as error:  # noqa: BLE001 - the last place where it can be put into words
        return _failed(error)


def _failed(error: Exception) -> bytes:
    trace = "".join(traceback.format_exception(error))[-LONGEST_TRACEBACK:]
    return json.dumps({"failed": [_plain(f"{type(error).__name__}: {error}"), trace]}).encode()


def _run(run: Any, arguments: dict[str, Any], limits: Limits) -> bytes:
    """Call the program; turn a limit that was reached into a refusal that names the limit."""
    try:
        return json.dumps({"value": run(limits=limits, **arguments)}).encode()
    except RecursionError as error:
        raise BadInput("the input is nested too deeply", resolution="nest it less deeply") from error
    except MemoryError as error:
        raise BadInput(
            f"the input takes more memory than the limit of {limits.memory_bytes} bytes",
            resolution="make it smaller, or raise IMS_INGEST_MEMORY_BYTES",
        ) from error
    except TimeLimit as error:
        raise BadInput(
            f"the input takes more time than the limit of {limits.seconds} seconds",
            resolution="make it smaller, or raise IMS_INGEST_SECONDS",
        ) from error
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise BadInput(
            f"the input makes a file bigger than the limit of {limits.bytes} bytes",
            resolution="make it smaller, or raise IMS_RECIPE_BYTES",
        ) from error


def _plain(text: str) -> str:
    """Return a message as one short printable line: the messages of libraries may quote the recipe."""
    cut = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )


if __name__ == "__main__":
    main()
