"""The templates of templates/kiwi: files that kiwi and rpmbuild read, rendered with values of our own."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(name: str, **values: object) -> str:
    """Render one of the templates, named without its `.j2`."""
    templates = Environment(
        loader=PackageLoader("templates", "kiwi"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - neither a spec nor YAML is HTML, and only values that we make go in
    )
    return templates.get_template(f"{name}.j2").render(values)
