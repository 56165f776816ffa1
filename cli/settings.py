"""`ims settings`: every setting, where its value comes from an `IMS_…` variable, and what it means."""

from pydantic import BaseModel

from cli.output import Columns, FormatOption, print_records
from config.settings import settings

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
        Setting(variable=f"IMS_{name.upper()}", value=_text(getattr(chosen, name)), meaning=field.description or "")
        for name, field in type(chosen).model_fields.items()
    ]
    print_records(known, COLUMNS, output)


def _text(value: object) -> str:
    return "" if value is None else str(value)
