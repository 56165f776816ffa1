"""The child: `python -I -m ingest <program>` confines itself, runs one program and prints its answer.

The request is JSON on standard input: `limits`, `parent` (a process id) and `arguments`. The answer is JSON:
`{"value": …}` or `{"refused": [message, resolution]}`. A defect ends in a traceback and exit code 1, without an answer.
"""

import errno
import importlib
import json
import sys
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


def main() -> None:
    """Run the program that the command line names."""
    request = json.load(sys.stdin.buffer)
    limits = Limits(**request["limits"])
    program = importlib.import_module(PROGRAMS[sys.argv[1]])
    confine(limits, request["parent"])
    answer: dict[str, Any]
    try:
        answer = {"value": _run(program.run, request["arguments"], limits)}
    except BadInput as refusal:
        answer = {"refused": [_plain(refusal.message), _plain(refusal.resolution)]}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _run(run: Any, arguments: dict[str, Any], limits: Limits) -> Any:
    """Call the program; turn a limit that was reached into a refusal that names the limit."""
    try:
        return run(limits=limits, **arguments)
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
