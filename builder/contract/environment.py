"""How a program's input goes into the environment of its pod, and comes out of it there.

Each field is one variable. `yes` and `no` stand for booleans, decimal digits for numbers.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from builder.contract.unreadable import Unreadable

_BOOLEANS = {"yes": True, "no": False}


def variable(name: str) -> Any:
    """Declare a field whose variable must be set, and must not be empty."""
    return field(metadata={"variable": name})


def optional_variable(name: str, absent: str | int, *, always_written: bool = True) -> Any:
    """Declare a field whose variable may be missing or empty.

    Args:
        name: The variable.
        absent: The field's value then, and its default.
        always_written: Whether the variable is also written when the field has that value.
    """
    return field(default=absent, metadata={"variable": name, "optional": True, "always_written": always_written})


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a program is told. A field is a variable, or another input."""

    def to_environment(self) -> dict[str, str]:
        """Return the variables."""
        environment: dict[str, str] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Input):
                environment |= value.to_environment()
            elif value != each.default or each.metadata["always_written"]:
                environment[each.metadata["variable"]] = _written(value)
        return environment

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables.

        Raises:
            Unreadable: One of them is missing, or cannot be read.
        """
        return cls(**{each.name: _read_field(each, environment) for each in fields(cls)})

    @classmethod
    def variables(cls) -> list[str]:
        """Return the names of all variables."""
        names: list[str] = []
        for each in fields(cls):
            inner = _input(each)
            names += inner.variables() if inner else [each.metadata["variable"]]
        return names


def _read_field(each: "Field[Any]", environment: Mapping[str, str]) -> Any:
    if inner := _input(each):
        return inner.from_environment(environment)
    name = each.metadata["variable"]
    text = environment.get(name, "")
    if text:
        return _read(text, each.type, name)
    if "optional" in each.metadata:
        return each.default
    raise Unreadable(f"the environment variable {name} is not set")


def _input(each: "Field[Any]") -> type[Input] | None:
    """Return the class of a field that is an input itself."""
    return each.type if isinstance(each.type, type) and issubclass(each.type, Input) else None


def _written(value: str | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _read(text: str, kind: Any, name: str) -> str | int:
    if kind is bool:
        if text not in _BOOLEANS:
            raise Unreadable(f"{name} is {text!r}, not yes or no")
        return _BOOLEANS[text]
    if kind is int:
        if not (text.isascii() and text.isdecimal()):
            raise Unreadable(f"{name} is {text!r}, not a whole number")
        return int(text)
    return text
