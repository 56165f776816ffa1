"""Runs a program on foreign data in a separate process with limits, and limits the size of its answer.

The rule: whatever the child does, the caller gets an answer or an error of our own within a limited time, and no
process remains.
"""

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO

from errors import BadInput, ImsError, Interrupted
from ingest.limits import Limits

logger = logging.getLogger(__name__)

# Beside the limit of a child that gets no processor time.
GRACE_SECONDS = 5
LONGEST_ANSWER_BYTES = 8 << 20
LONGEST_STDERR_BYTES = 16 << 10
_REPORT = "this is a defect of the ingest program: report it, with the input; the log has more"


def run_confined(program: str, arguments: Mapping[str, Any], limits: Limits) -> Any:
    """Run one of the programs of `ingest.__main__` in a confined child process and return its answer.

    The child dies with the thread that calls this (PR_SET_PDEATHSIG).

    Raises:
        BadInput: The program refused its input, or ran into one of its limits.
        Interrupted: The host ended the child, is too busy for it, or has no room on a disk.
        ImsError: The child failed, which is a defect; the log has its traceback.
    """
    with (
        _memory_file({"limits": asdict(limits), "parent": os.getpid(), "arguments": arguments}) as request,
        subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-m", "ingest", program],
            stdin=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
        ) as child,
    ):
        try:
            answer, errors = _read_outputs(child, time.monotonic() + limits.wall_seconds + GRACE_SECONDS)
            child.wait(GRACE_SECONDS)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise _too_busy(program, limits) from error
        finally:
            # The child is not reaped yet, so no other process group can have its number.
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode == -signal.SIGXCPU:
        raise _too_slow(limits)
    if child.returncode == -signal.SIGKILL:
        raise _killed(program)
    if child.returncode:
        raise _defect(program, child.returncode, errors)
    return _parse_answer(program, answer, errors)


def _memory_file(request: Mapping[str, Any]) -> BinaryIO:
    """Return the request as a file for the child's standard input: a pipe blocks while the child reads nothing."""
    file = os.fdopen(os.memfd_create("ingest-request"), "w+b")
    file.write(json.dumps(request).encode())
    file.seek(0)
    return file


def _read_outputs(child: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Read both outputs to their end: the whole standard output, and the last part of the standard error."""
    answer, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((child.stdout, answer), (child.stderr, errors)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, kept)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.extend(chunk)
            del errors[:-LONGEST_STDERR_BYTES]
            if len(answer) > LONGEST_ANSWER_BYTES:
                raise BadInput(
                    f"the description of the recipe takes more than {LONGEST_ANSWER_BYTES} bytes",
                    resolution="make its description smaller",
                )
    return bytes(answer), bytes(errors)


def _parse_answer(program: str, answer: bytes, errors: bytes) -> Any:
    try:
        document = json.loads(answer)
    except ValueError as error:
        raise _defect(program, 0, errors) from error
    if "refused" in document:
        message, resolution = document["refused"]
        raise BadInput(message, resolution=resolution)
    if "no_room" in document:
        raise Interrupted(
            f"the ingest program '{program}' could not write: {document['no_room']}",
            resolution="make room on the worker's disk (IMS_DATA_DIR)",
        )
    if "failed" in document:
        what, trace = document["failed"]
        logger.error("the ingest program '%s' failed\n%s", program, trace)
        raise ImsError(f"the ingest program '{program}' failed on this input: {what}", resolution=_REPORT)
    return document["value"]


def _too_slow(limits: Limits) -> BadInput:
    return BadInput(
        f"the input takes more time than the limit of {limits.seconds} seconds",
        resolution="make it smaller, or raise IMS_INGEST_SECONDS",
    )


def _too_busy(program: str, limits: Limits) -> Interrupted:
    return Interrupted(
        f"the ingest program '{program}' did not end within {limits.wall_seconds} seconds, and did not use its limit of"
        f" {limits.seconds} seconds of processor time",
        resolution="the worker's host is very busy, or its disk is: try again, or raise IMS_INGEST_SECONDS",
    )


def _killed(program: str) -> Interrupted:
    return Interrupted(
        f"the ingest program '{program}' was killed by SIGKILL without an answer",
        resolution="the worker's host may be out of memory: try again",
    )


def _defect(program: str, returncode: int, errors: bytes) -> ImsError:
    how = f"was killed by {signal.Signals(-returncode).name}" if returncode < 0 else f"ended with code {returncode}"
    lines = errors.decode(errors="replace").strip().splitlines()
    if lines:
        logger.error("the ingest program '%s' %s\n%s", program, how, "\n".join(lines))
    last = f": {lines[-1]}" if lines else ""
    return ImsError(f"the ingest program '{program}' {how} without an answer{last}", resolution=_REPORT)
