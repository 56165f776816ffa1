"""The error tree: what may be tried again and what may not.

Every error says what happened and to which object; `resolution` says what to do about it. Errors of client libraries
are translated into this tree once, where the library is called.
"""


class ImsError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: What happened, to which object, in one line.
        resolution: What the administrator can do about it; empty when there is nothing to do but try again.
    """

    def __init__(self, message: str, *, resolution: str = "") -> None:
        """Keep the message and the resolution apart, so that each is shown where it belongs."""
        super().__init__(message)
        self.message = message
        self.resolution = resolution

    def __str__(self) -> str:
        """Return the message, followed by the resolution when there is one."""
        return f"{self.message}; {self.resolution}" if self.resolution else self.message


class TransientError(ImsError):
    """May succeed when tried again: nothing is wrong with the request."""


class Unreachable(TransientError):
    """A server did not answer, or answered that it cannot serve right now."""


class Interrupted(TransientError):
    """A step was cut off from outside and can be run again."""


class Exhausted(TransientError):
    """What may pass was met so often in a row that only a user has it tried again."""


class PermanentError(ImsError):
    """Will fail again until somebody changes something."""


class BadInput(PermanentError):
    """What the user handed in is refused: an archive, a description, a key, a parameter."""


class NotFound(PermanentError):
    """The named record or object does not exist."""


class Conflict(PermanentError):
    """Something else stands where this operation would write, or somebody changed what it read."""


class Denied(PermanentError):
    """A server refuses us: wrong credentials, or no right to what we ask for."""


class Untrusted(PermanentError):
    """A server shows a certificate that nobody here vouches for, or that has expired."""


class Corrupt(PermanentError):
    """What was stored is not what was written: a checksum or a document does not fit."""


class LimitReached(PermanentError):
    """Something did not happen within the time, memory or number of tries it was given."""


class Broken(PermanentError):
    """A program this project stands on is missing or does not work on this host."""


def may_retry(error: BaseException) -> bool:
    """Tell whether a failed step may be tried again at once.

    An error outside the tree is a defect of ours: trying it again would only hide it.
    """
    return isinstance(error, TransientError) and not isinstance(error, Exhausted)
