"""Why a model refuses its input, in plain lines that name the fields and quote no values."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def refusals_of(error: ValidationError, whole: str) -> list[str]:
    """Return one line per refused field: its name and what is wrong with it.

    Args:
        error: The error of the model.
        whole: The name of the input as a whole.
    """
    return [f"{'.'.join(map(str, each['loc'])) or whole}: {reason_of(each)}" for each in details_of(error)]


def details_of(error: ValidationError) -> list[ErrorDetails]:
    """Return the details of the error, without values: they may be secrets."""
    return error.errors(include_url=False, include_input=False, include_context=False)


def reason_of(details: ErrorDetails) -> str:
    """Return what is wrong with one field; the words of a validator of ours stay alone."""
    return details["msg"].removeprefix("Value error, ")
