"""The API server's answers and the client's errors, as errors of ours: what may be tried again and what may not."""

import contextlib
import json
from collections.abc import Mapping

from errors import BadInput, Conflict, Denied, ImsError, NotFound, TransientError, Unreachable, Untrusted

CHECK = "see whether the cluster answers: `kubectl get pods`"
# The longest pause that a server may ask for; after it the call is repeated anyway.
LONGEST_PAUSE_SECONDS = 30.0


class Busy(Unreachable):
    """The API server asks for a pause.

    Args:
        pause: How long, in seconds; 0 when it does not say.
    """

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message, resolution=CHECK)
        self.pause = pause


class Expired(TransientError):
    """The version to watch from is too old (410): the objects have to be listed again."""


def answer_error(status: int, body: bytes, headers: Mapping[str, str], what: str) -> ImsError:
    """Return the error that an answer of the API server is.

    Args:
        status: Its HTTP status, not a success.
        body: Its body, a Status object if all is well.
        headers: Its headers.
        what: What was asked for, in words.
    """
    reason = _message(body) or f"HTTP status {status}"
    if status == 429 or status >= 500:
        return Busy(f"the API server cannot serve {what}: {reason}", _retry_after(headers))
    if status == 404:
        return NotFound(f"{what}: {reason}", resolution="see whether the namespace is there: `kubectl get namespaces`")
    if status == 409:
        return Conflict(f"{what}: {reason}")
    if status == 410:
        return Expired(f"{what}: {reason}")
    if status in {401, 403}:
        return Denied(f"the API server refuses {what}: {reason}", resolution=_right(reason))
    return BadInput(
        f"the API server refuses {what}: {reason}", resolution="correct the IMS_KUBERNETES_… setting that it names"
    )


def connection_error(error: Exception, what: str) -> ImsError:
    """Return the error that a failure of the connection is."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Untrusted(
            f"the API server's certificate is not trusted: {error}",
            resolution="correct certificate-authority in the kubeconfig",
        )
    return Unreachable(f"the API server did not answer to {what}: {error}", resolution=CHECK)


def _message(body: bytes) -> str:
    with contextlib.suppress(ValueError):
        parsed = json.loads(body)
        if isinstance(parsed, dict):
            return str(parsed.get("message", ""))
    return body.decode(errors="replace").strip()[:500]


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "")
    return min(float(value), LONGEST_PAUSE_SECONDS) if value.isdigit() else 0.0


def _right(reason: str) -> str:
    if "PodSecurity" in reason:
        return "label the namespace pod-security.kubernetes.io/enforce=privileged: image builds mount"
    if "quota" in reason:
        return "raise the namespace's quota, or lower the job's memory limit (job_mem_size)"
    if " cannot " not in reason and reason != "Unauthorized":
        return "the cluster's own rules refuse it: the IMS_KUBERNETES_… settings shape what is asked for"
    return "give the worker's service account the rights of docs/kubernetes.md, or renew its credentials"
