"""Renders one template of a recipe in Jinja2's sandbox: undefined variables are errors, and other files cannot be read.

The rule: a value becomes text of a description, never markup.
"""

import re
import traceback
from collections.abc import Iterable, Mapping

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from errors import BadInput
from ingest.jail import TimeLimit
from ingest.limits import Limits

_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_MARKUP = re.compile(r"""[<>"']|&(?!(?:amp|lt|gt|quot|apos);)""")
_MARKUP_SUFFIXES = (".xml", ".kiwi")
_WORDS = {"self", "true", "false", "none", "True", "False", "None"}
_CORRECT = "correct the template, or the template dictionary"
_LITERALLY = (
    "correct it; text that is no template, for example ${#array[@]}, is written {% raw %}${#array[@]}{% endraw %}"
)
_COMPILED_NAME = "<template>"  # Jinja2's name for a template without a loader


def render(path: str, source: str, dictionary: Mapping[str, str], limits: Limits) -> str:
    """Render one template with the recipe's dictionary.

    Args:
        path: The template's path in the recipe, for messages; values that go into `*.xml` and `*.kiwi` may not hold
            markup.
        source: The template.
        dictionary: The template dictionary.
        limits: The limits of this process, for messages.

    Raises:
        BadInput: The template does not parse, does not render within the limits, or a value holds markup.
    """
    try:
        template, names = _compiled(path, source, dictionary)
    except TimeLimit as error:
        # Jinja2 evaluates constant expressions while it compiles, when no line is known.
        raise _too_slow(path, None, limits) from error
    values = {name: value for name, value in dictionary.items() if name in names}
    _refuse_nul(path, values)
    if path.endswith(_MARKUP_SUFFIXES):
        _refuse_markup(path, values)
    try:
        return template.render(values)
    except MemoryError as error:
        raise _refused(
            path, _line(error, template), f"takes more memory than the limit of {limits.memory_bytes} bytes"
        ) from error
    except TimeLimit as error:
        raise _too_slow(path, _line(error, template), limits) from error
    except Exception as error:
        # Every exception of an expression is an error of the template: the sandbox has no code of this project.
        raise _refused(path, _line(error, template), f"does not render: {_reason(error)}") from error


def _compiled(path: str, source: str, dictionary: Mapping[str, str]) -> tuple[Template, set[str]]:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    # A value of the dictionary comes before a function of Jinja2 (`range`, `dict`, …), as it does in IMS.
    environment.globals = {name: value for name, value in environment.globals.items() if name not in dictionary}
    try:
        _refuse_shell_lengths(path, environment.lex(source))
        _refuse_words_of_jinja(path, environment.lex(source), dictionary)
        syntax = environment.parse(source)
        _refuse_other_files(path, syntax)
        return environment.from_string(syntax), find_undeclared_variables(syntax)
    except (BadInput, MemoryError):
        raise
    except TemplateSyntaxError as error:
        raise _refused(path, error.lineno, f"is not valid: {error.message}", _LITERALLY) from error
    except Exception as error:
        # Python's compiler fails on deep nesting; and Jinja2 computes constants while it compiles, which may fail in
        # every way in which an expression does.
        nested = isinstance(error, RecursionError) or (isinstance(error, SyntaxError) and "nested" in error.msg)
        why = "is nested too deeply" if nested else "does not compile"
        raise _refused(path, _compiled_line(error), f"{why}: {_reason(error)}") from error


def _refuse_other_files(path: str, syntax: nodes.Template) -> None:
    for node in syntax.find_all(_OTHER_FILES):
        raise _refused(path, node.lineno, "uses another template, which a recipe's template must not")


def _refuse_shell_lengths(path: str, tokens: Iterable[tuple[int, str, str]]) -> None:
    """Refuse the shell's `${#array[@]}`: Jinja2 takes `{#` for the begin of a comment, and drops all up to a `#}`."""
    before = ""
    for line, kind, text in tokens:
        if kind == "comment_begin" and before.endswith("$"):
            raise _refused(path, line, "has the shell's '${#', where '{#' begins a comment of Jinja2", _LITERALLY)
        before = text


def _refuse_words_of_jinja(path: str, tokens: Iterable[tuple[int, str, str]], dictionary: Mapping[str, str]) -> None:
    """Refuse keys that Jinja2 never looks up: it would write something else in place of the value."""
    for line, kind, text in tokens:
        if kind == "name" and text in _WORDS and text in dictionary:
            why = f"uses the key {text}, which has a meaning of its own in Jinja2"
            raise _refused(path, line, why, "give the key of the template dictionary another name")


def _refuse_nul(path: str, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        if "\0" in value:
            raise BadInput(
                f"{path}: the value of {key} in the template dictionary holds a NUL character",
                resolution="remove it: no text file holds one",
            )


def _refuse_markup(path: str, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        if _MARKUP.search(value) or not value.replace("\n", "").replace("\t", "").isprintable():
            raise BadInput(
                f"{path}: the value of {key} in the template dictionary holds markup or control characters",
                resolution="leave < > \" ' out of values that go into a description, and write & as &amp;",
            )


def _line(error: BaseException, template: Template) -> int | None:
    """Return the template's line that an error comes from, where the traceback has it."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_code.co_filename == _COMPILED_NAME:
            # Jinja2 rewrites the traceback of an Exception to template lines, but not that of a BaseException.
            return template.get_corresponding_lineno(line) if "__jinja_template__" in frame.f_globals else line
    return None


def _compiled_line(error: BaseException) -> int | None:
    """Return the template's line that Jinja2 was reading or compiling when an error came."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        node, line = frame.f_locals.get("node"), frame.f_locals.get("lineno")
        if isinstance(node, nodes.Node):
            return node.lineno
        if frame.f_globals.get("__name__") == "jinja2.lexer" and isinstance(line, int):
            return line
    return None


def _reason(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    # Python's advice on numbers of many digits is for programmers.
    return f"{text.partition('; use sys.')[0]} ({type(error).__name__})"


def _too_slow(path: str, line: int | None, limits: Limits) -> BadInput:
    return _refused(path, line, f"takes more time than the limit of {limits.seconds} seconds")


def _refused(path: str, line: int | None, why: str, resolution: str = _CORRECT) -> BadInput:
    place = f"{path}, line {line}" if line else path
    return BadInput(f"{place}: the template {why}", resolution=resolution)
