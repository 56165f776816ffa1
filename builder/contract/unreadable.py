"""The error of what one side has written and the other cannot read."""


class Unreadable(Exception):
    """A variable or a document is missing or malformed; the message is one line for the administrator."""
