"""The `IMS_…` variables: which setting each one sets, and how the environment and `endpoints.json` are read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from config.groups import Group
from errors import BadInput

PREFIX = "IMS_"
_ANY_FIELDS = TypeAdapter(dict[str, Any])
RENAMED = {"IMS_IMS_BUCKET": "IMS_BUCKET"}


@dataclass(frozen=True)
class Variable:
    """A variable, and the setting that it sets: a field of a group, or of the settings themselves (no group)."""

    name: str
    group: str
    field: str
    meaning: str

    def value_in(self, values: BaseModel) -> object:
        """Return the setting's value."""
        fields = dict(values)
        return dict(fields[self.group])[self.field] if self.group else fields[self.field]


def variables_of(settings: type[BaseModel]) -> list[Variable]:
    """Return the variables of all settings, in the order of their definition."""
    found = []
    for name, field in settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            for member, known in group.model_fields.items():
                variable = group.variable.format(member.upper())
                found.append(Variable(variable, name, member, known.description or ""))
        else:
            found.append(Variable(f"{PREFIX}{name.upper()}", "", name, field.description or ""))
    return found


def from_environment(variables: list[Variable]) -> dict[str, Any]:
    """Return what the environment sets, as the settings nest it; the case of a variable does not count.

    Raises:
        BadInput: A variable has a name that it had in former releases.
    """
    present = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    for former, name in RENAMED.items():
        if former in present:
            raise BadInput(f"{former} is now named {name}", resolution=f"set {name} instead, and unset {former}")
    return _nested(variables, present)


def from_endpoints(variables: list[Variable], file: Path) -> dict[str, Any]:
    """Return what a running `ims up` wrote, as the settings nest it; nothing when none is running.

    Raises:
        BadInput: The file is damaged.
    """
    try:
        written = _ANY_FIELDS.validate_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise BadInput(
            f"{file} is damaged: {error.errors()[0]['msg']}", resolution="remove it, and start `ims up` again"
        ) from error
    return _nested(variables, {f"{PREFIX}{name.upper()}": value for name, value in written.items()})


def _nested(variables: list[Variable], values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for variable in variables:
        if variable.name in values:
            place = nested.setdefault(variable.group, {}) if variable.group else nested
            place[variable.field] = values[variable.name]
    return nested
