"""`ims settings`: every setting, where its value comes from an `IMS_…` variable, and what it means."""

from pydantic import BaseModel

from cli.output import Columns, FormatOption, print_records
from config.settings import Settings, settings
from config.variables import variables_of

COLUMNS: Columns = {
    "variable": lambda setting: setting.variable,
    "value": lambda setting: setting.value,
    "meaning": lambda setting: setting.meaning,
}


class Setting(BaseModel):
    """A setting as it is shown; secrets are masked."""

    variable: str
    value: str
    meaning: str


def show(output: FormatOption = None) -> None:
    """Show all settings: the environment variable that sets each, its present value and its meaning."""
    chosen = settings()
    known = [
        Setting(variable=variable.name, value=_text(variable.value_in(chosen)), meaning=variable.meaning)
        for variable in variables_of(Settings)
    ]
    print_records(known, COLUMNS, output)


def _text(value: object) -> str:
    return "" if value is None else str(value)
