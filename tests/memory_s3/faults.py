"""A second address of a server in memory, whose calls meet faults as they do behind tests/s3_proxy.py."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.response import StreamingBody

from errors import ImsError
from tests.faults import NOT_DONE, Call, Fault, Faults
from tests.memory_s3.buckets import Refused
from tests.memory_s3.client import answering, new_host
from tests.memory_s3.server import MemoryS3

# What a call is over HTTP, when it is no GET: plans choose calls by that.
_METHODS = {
    "AbortMultipartUpload": "DELETE",
    "CompleteMultipartUpload": "POST",
    "CreateMultipartUpload": "POST",
    "DeleteBucket": "DELETE",
    "DeleteObject": "DELETE",
    "HeadBucket": "HEAD",
    "HeadObject": "HEAD",
    "CopyObject": "PUT",
    "CreateBucket": "PUT",
    "PutObject": "PUT",
    "PutObjectTagging": "PUT",
    "UploadPart": "PUT",
    "UploadPartCopy": "PUT",
}


class Killed(BaseException):
    """The end of a process that was killed: nothing in it catches this, and none of its calls arrives any more."""


class MemoryFaults(Faults):
    """Fails the calls that are planned to fail, and kills the process that made them, as far as S3 can tell.

    Args:
        server: The server that carries out the others.
    """

    def __init__(self, server: MemoryS3) -> None:
        super().__init__()
        self._server = server
        self._host = new_host()
        self._killed = False

    @property
    def endpoint_url(self) -> str:
        return f"http://{self._host}:9"

    def settle(self) -> None:
        """Do nothing: a call is answered before its client goes on."""

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Answer the requests to this address during the block."""
        with answering(self._host, self._serve):
            yield

    def kill(self, _: Call) -> None:
        """As a hook of a plan: end what `ends_by_kill` runs."""
        self._killed = True
        raise Killed

    def ends_by_kill(self, act: Callable[[], object]) -> bool:
        """Act as a process of its own would, which may also fail; tell whether it was killed."""
        with suppress(Killed, ImsError):
            act()
        killed, self._killed = self._killed, False
        return killed

    def _serve(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self._killed:
            raise Killed
        target = f"/{asked.get('Bucket', '')}/{asked.get('Key', '')}"
        call, plan = self.arrived(_METHODS.get(name, "GET"), quote(target), asked.get("Range", ""))
        fault = plan.fault if plan else None
        if plan and plan.before:
            plan.before(call)
        if fault in NOT_DONE:
            raise self._error(fault)
        answer = self._server.answer(name, asked)
        if plan and plan.after:
            plan.after(call)
        if fault is Fault.CUT_BODY:
            body = answer["Body"].read()
            return answer | {"Body": StreamingBody(BytesIO(body[: len(body) // 2]), len(body))}
        if fault:
            raise self._error(fault)
        return answer

    def _error(self, fault: Fault) -> Exception:
        if fault in {Fault.ANSWER_500, Fault.DONE_500}:
            return Refused(500, "InternalError")
        if fault is Fault.ANSWER_503:
            return Refused(503, "SlowDown")
        if fault in {Fault.RESET, Fault.LOST_ANSWER}:
            return ConnectionClosedError(endpoint_url=self.endpoint_url)
        # Nobody waits for what never comes.
        return ReadTimeoutError(endpoint_url=self.endpoint_url)
