import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe import render_recipe
from ingest.rendering import render
from tests.ingest.archives import DESCRIPTION
from tests.ingest.reading import read_description

LIST = ".ims_recipe_template.yaml"
Render = Callable[..., str]


@pytest.fixture
def folder(recipe: Path) -> Path:
    """An unpacked recipe whose description and script are templates."""
    recipe.mkdir(parents=True)
    text = DESCRIPTION.decode().replace("https://packages.example.org", "{{ mirror }}")
    (recipe / "config.xml").write_text(text)
    (recipe / "config.sh").write_text("#!/bin/sh\necho {{ greeting }}\n")
    (recipe / "config.sh").chmod(0o750)
    (recipe / LIST).write_text("template_files:\n  - config.xml\n  - ./config.sh\n")
    return recipe


@pytest.fixture
def refused(folder: Path, limits: Limits) -> Render:
    """Render `config.sh` from a text that must be refused with nothing changed, and return the message."""

    def refused(text: str, limits: Limits = limits, **dictionary: str) -> str:
        (folder / LIST).write_text("template_files: [config.sh]")
        (folder / "config.sh").write_text(text)
        before = sorted(folder.iterdir())
        with pytest.raises(BadInput) as caught:
            render_recipe(folder, dictionary or {"a": "b"}, limits)
        assert (folder / "config.sh").read_text() == text
        assert sorted(folder.iterdir()) == before
        return str(caught.value)

    return refused


@pytest.mark.by_both
@pytest.mark.usefixtures("child")
def test_the_listed_files_are_rendered_in_place_and_keep_their_modes(folder: Path, limits: Limits) -> None:
    values = {"mirror": "http://mirror.example.org/a?b=1&amp;c=2", "greeting": 'it\'s "quoted" <here>'}
    assert render_recipe(folder, values, limits) == ["config.xml", "config.sh"]
    assert (folder / "config.sh").read_text() == '#!/bin/sh\necho it\'s "quoted" <here>\n'
    assert stat.S_IMODE((folder / "config.sh").stat().st_mode) == 0o750
    url = read_description(folder, limits).repositories[0].url
    assert url == "http://mirror.example.org/a?b=1&c=2/base/"


def test_a_recipe_without_templates_needs_no_dictionary_and_ignores_one(folder: Path, limits: Limits) -> None:
    (folder / LIST).unlink()
    assert render_recipe(folder, {}, limits) == []
    assert render_recipe(folder, {"mirror": "x"}, limits) == []
    assert "{{ mirror }}" in (folder / "config.xml").read_text()


def test_templates_without_a_dictionary_are_refused(folder: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=r"lists config\.xml, config\.sh\), but no template dictionary"):
        render_recipe(folder, {}, limits)


def test_links_inside_the_recipe_are_rendered_as_the_one_file_that_they_lead_to(folder: Path, limits: Limits) -> None:
    (folder / "config.xml").rename(folder / "my.kiwi")
    (folder / "config.xml").symlink_to("my.kiwi")
    (folder / "sub").symlink_to(".")
    (folder / LIST).write_text("template_files: [config.xml, my.kiwi, sub/config.xml]")
    assert render_recipe(folder, {"mirror": "http://a", "greeting": "b"}, limits) == ["my.kiwi"]
    assert (folder / "config.xml").is_symlink()
    assert "http://a/base/" in (folder / "config.xml").read_text()


def test_an_empty_list_renders_nothing(folder: Path, limits: Limits) -> None:
    (folder / LIST).write_text("template_files: []")
    assert render_recipe(folder, {"a": "b"}, limits) == []


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
BAD_TEMPLATES = {
    "undefined variable": (
        "one\n{{ nobody }}",
        "config.sh, line 2: the template does not render: 'nobody' is undefined",
    ),
    "undefined attribute": ("\n\n{{ a.b }}", "config.sh, line 3: the template does not render: 'str object' has no"),
    "undefined in a macro": ("{% macro m() %}\n{{ no }}\n{% endmacro %}{{ m() }}", "config.sh, line 2"),
    "syntax error": ("a\nb\n{{ a", "config.sh, line 3: the template is not valid"),
    "unknown tag": ("\n{% exec %}", "config.sh, line 2: the template is not valid: Encountered unknown tag"),
    "unknown filter": ("\n{{ a | shell }}", "config.sh, line 2: the template is not valid"),
    "division by zero": ("\n{{ 1 / 0 }}", "config.sh, line 2: the template does not render: division by zero"),
    "Python internals by class": (
        "\n{{ a.__class__.__mro__ }}",
        "config.sh, line 2: the template does not render: acc",
    ),
    "Python internals by a global": ("{{ cycler.__init__.__globals__ }}", "is unsafe. (SecurityError)"),
    "Python internals by self": ("{{ self.__init__.__globals__.os }}", "is unsafe. (SecurityError)"),
    "Python internals by attr": ("{{ ''|attr('__class__') }}", "is unsafe. (SecurityError)"),
    "Python internals by format": ("{{ '{0.__class__}'.format(a) }}", "is unsafe. (SecurityError)"),
    "Python internals by format_map": ("{{ '{a.__class__}'.format_map({'a': a}) }}", "is unsafe. (SecurityError)"),
    "big range": ("\n{% for n in range(10 ** 12) %}{% endfor %}", "config.sh, line 2: the template does not render"),
    "include": ("\n{% include '/etc/passwd' %}", "config.sh, line 2: the template uses another template"),
    "import": ("{% import 'config.xml' as x %}", "config.sh, line 1: the template uses another template"),
    "extends": ("{% extends 'config.xml' %}", "config.sh, line 1: the template uses another template"),
    "a number of too many digits": (
        "\n{{ " + "9" * 5000 + " }}",
        "config.sh, line 2: the template does not compile: Exc",
    ),
    "a constant of too many digits": ("\n\n{{ 'a' ~ 10 ** 5000 }}", "config.sh, line 3: the template does not compile"),
    "a constant that is no number": ("\n{{ (1e308 * 10) | int }}", "config.sh, line 2: the template does not render"),
    "an argument twice": ("\n{% macro m(a, a) %}{% endmacro %}", "config.sh: the template does not compile: duplicate"),
    "half a character": ("\n{{ '\\ud800' }}", r"config.sh, line 2 of what it renders to: '\ud800' is no character"),
    "the length of an array": ("a=(1)\necho ${#a[@]}\n", "config.sh, line 2: the template has the shell's '${#'"),
    "the lengths of two arrays": (
        "echo ${#a[@]}\necho ${a#*#}\n",
        "config.sh, line 1: the template has the shell's '${#'",
    ),
    "a literal of Go": ("\npodman ps --format '{{.Names}}'", "is written {% raw %}"),
    "deep blocks": ("{% for a in 'a' %}" * 30 + "{% endfor %}" * 30, "config.sh: the template is nested too deeply"),
    "deep brackets": ("{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}", "the template is nested too deeply"),
    "endless recursion": (
        "\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "config.sh, line 2: the template does not",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES)
def test_a_bad_template_is_refused_with_file_and_line(refused: Render, text: str, said: str) -> None:
    assert said in refused(text)


def test_text_of_the_shell_is_kept_where_it_is_marked_and_comments_are_dropped(folder: Path, limits: Limits) -> None:
    (folder / "config.sh").write_text("{% raw %}${#a[@]} {{.Names}}{% endraw %} $ {# a comment #}{{ greeting }}")
    render_recipe(folder, {"mirror": "http://a", "greeting": "hello"}, limits)
    assert (folder / "config.sh").read_text() == "${#a[@]} {{.Names}} $ hello"


@pytest.mark.parametrize("key", ["range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "super", "caller"])
def test_a_key_comes_before_a_function_of_jinja(limits: Limits, key: str) -> None:
    assert render("config.sh", f"{{{{ {key} }}}}", {key: "value"}, limits) == "value"


def test_functions_of_jinja_are_there_without_such_a_key(limits: Limits) -> None:
    text = "{% for i in range(2) %}{{ i }}{% endfor %}{{ true }}"
    assert render("config.sh", text, {"dict": "value"}, limits) == "01True"


@pytest.mark.parametrize("key", ["self", "true", "None"])
def test_a_key_that_jinja_never_looks_up_is_refused(limits: Limits, key: str) -> None:
    assert render("config.sh", f"# {key}", {key: "value"}, limits) == f"# {key}"
    with pytest.raises(BadInput, match=rf"^config\.sh, line 2: the template uses the key {key}, which"):
        render("config.sh", f"true\n{{{{ {key} }}}}", {key: "value"}, limits)


def test_a_value_with_a_nul_is_refused(folder: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=r"config\.sh: the value of greeting in the template dictionary holds a NUL"):
        render_recipe(folder, {"mirror": "http://a", "greeting": "a\0b"}, limits)
    assert "{{ mirror }}" in (folder / "config.xml").read_text()


def test_what_a_template_says_about_itself_is_shown_plainly_and_cut(refused: Render) -> None:
    said = refused("{{ {}['\\x1b[2J\\n' * 100000] }}")
    assert said.isprintable()
    assert r"\x1b[2J" in said
    assert len(said) < 2000


ENDLESS = {
    "endless loop": ("\n" + LOOP, "config.sh, line 2"),
    "endless power": ("\n{{ (10 + a | length) ** 300000000 % 7 }}", "config.sh, line 2"),
    "endless power of constants": ("\n{{ 10 ** 300000000 % 7 }}", "config.sh"),
}


@pytest.mark.usefixtures("child")
@pytest.mark.parametrize(("text", "place"), ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_end_is_refused_by_name(refused: Render, limits: Limits, text: str, place: str) -> None:
    said = refused(text, replace(limits, seconds=1))
    assert f"{place}: the template takes more time than the limit of 1 seconds" in said


GIANT = {
    "string": "\n{{ 'a' * 10 ** 10 }}",
    "padding": "\n{{ '%10000000000d' % 1 }}",
    "doubling": "\n{% set n = namespace(s='aaaa') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
}


@pytest.mark.usefixtures("child")
@pytest.mark.parametrize("text", GIANT.values(), ids=GIANT)
def test_a_giant_text_is_refused_with_file_and_line(refused: Render, text: str) -> None:
    assert "config.sh, line 2: the template takes more memory than the limit of 134217728 bytes" in refused(text)


@pytest.mark.usefixtures("child")
def test_a_text_that_grows_giant_by_many_lines_is_refused_with_its_file(refused: Render) -> None:
    said = refused("{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}")
    assert "config.sh: the template takes more memory than the limit of 134217728 bytes" in said


def test_more_text_than_the_limit_is_refused(refused: Render, limits: Limits) -> None:
    said = refused("{{ 'a' * 200000 }}", replace(limits, bytes=100_000))
    assert "config.sh: the recipe's templates render to more than 100000 bytes" in said


def test_a_template_that_is_not_utf8_is_refused(folder: Path, limits: Limits) -> None:
    (folder / "config.sh").write_bytes(b"a\n\xff\n")
    with pytest.raises(BadInput, match=r"config\.sh, line 2: the template is not UTF-8"):
        render_recipe(folder, {"mirror": "http://a", "greeting": "b"}, limits)


BAD_LISTS = {
    "not YAML": ("template_files:\n  - a\n b: [", f"{LIST}, line 3: not valid YAML"),
    "not YAML at all": ("\0", f"{LIST}: not valid YAML"),
    "Python object": ("template_files: !!python/object/apply:os.system [true]", f"{LIST}, line 1: not valid YAML"),
    "no list": ("template_files: config.xml", "has no list of files called 'template_files'"),
    "no mapping": ("- config.xml", "has no list of files called 'template_files'"),
    "other key": ("templates: []", "has no list of files called 'template_files'"),
    "not a text": ("template_files: [1]", "has no list of files called 'template_files'"),
    "no date": ("template_files: 2024-13-45", "not valid YAML"),
    "deeply nested": ("template_files: " + "[" * 5000, "not valid YAML"),
    "path up": ("template_files: [../outside/secret]", "'../outside/secret' does not lie in the recipe"),
    "path up inside": ("template_files: [root/../config.sh]", "'root/../config.sh' does not lie in the recipe"),
    "absolute path": ("template_files: [/etc/passwd]", "'/etc/passwd' does not lie in the recipe"),
    "the folder": ("template_files: [.]", "'.' does not lie in the recipe"),
    "control characters": ('template_files: ["a\\nb"]', "the path 'a\\nb' holds control characters"),
    "missing": ("template_files: [nothing]", "nothing is not a file of the recipe"),
    "missing folder": ("template_files: [no/thing]", "no/thing is not a file of the recipe"),
    "a folder": ("template_files: [root]", "root is not a file of the recipe"),
    "a link out": (
        "template_files: [root/out]",
        "root/out is not a file of the recipe, or its path leads",
    ),
    "behind a link": (
        "template_files: [root/dir/secret]",
        "root/dir/secret is not a file of the recipe, or its path leads",
    ),
    "over-long": (f"template_files: [{'a' * 300}]", "is not a file of the recipe"),
}


@pytest.mark.parametrize(("text", "said"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_of_templates_is_refused(folder: Path, limits: Limits, outside: Path, text: str, said: str) -> None:
    (folder / "root").mkdir()
    (folder / "root/out").symlink_to(outside / "secret")
    (folder / "root/dir").symlink_to(outside)
    (folder / LIST).write_text(text)
    with pytest.raises(BadInput) as caught:
        render_recipe(folder, {"mirror": "a", "greeting": "b"}, limits)
    assert said in str(caught.value)
    assert "{{ mirror }}" in (folder / "config.xml").read_text()


@pytest.mark.usefixtures("child")
def test_a_yaml_alias_bomb_is_refused_within_the_limits(folder: Path, limits: Limits) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    (folder / LIST).write_text("\n".join([*lines, "template_files: *a39"]))
    with pytest.raises(BadInput, match="has no list of files called 'template_files'"):
        render_recipe(folder, {"a": "b"}, limits)


SMUGGLED = {
    "another repository": 'http://a"/></repository><repository><source path="http://evil',
    "tag": "<b>",
    "double quote": 'a" alias="x',
    "single quote": "a' alias='x",
    "entity of one's own": "a&xxe;b",
    "number entity": "a&#34;b",
    "bare ampersand": "a?b=1&c=2",
    "control character": "a\x01b",
    "carriage return": "a\rb",
}


@pytest.mark.parametrize("value", SMUGGLED.values(), ids=SMUGGLED)
def test_a_value_cannot_bring_markup_into_the_description(folder: Path, limits: Limits, value: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml: the value of mirror in the template dictionary holds markup"):
        render_recipe(folder, {"mirror": value, "greeting": "a"}, limits)
    assert "{{ mirror }}" in (folder / "config.xml").read_text()
    assert "{{ greeting }}" in (folder / "config.sh").read_text()


def test_a_value_cannot_bring_markup_into_an_included_file(folder: Path, limits: Limits) -> None:
    (folder / "more.xml").write_text("<image>{{ mirror }}</image>")
    (folder / LIST).write_text("template_files: [more.xml]")
    with pytest.raises(BadInput, match=r"more\.xml: the value of mirror"):
        render_recipe(folder, {"mirror": "<repository/>"}, limits)


@pytest.mark.usefixtures("child")
@pytest.mark.parametrize("value", ["file:///etc", "dir:///srv", "/srv/repo", "this://../outside"])
def test_a_value_cannot_bring_a_local_repository_in_unseen(folder: Path, limits: Limits, value: str) -> None:
    render_recipe(folder, {"mirror": value, "greeting": "a"}, limits)
    with pytest.raises(BadInput, match=r"config\.xml, line 6"):
        read_description(folder, limits)


def test_a_value_is_not_a_template_itself(folder: Path, limits: Limits) -> None:
    render_recipe(folder, {"mirror": "http://a", "greeting": "{{ mirror }}"}, limits)
    assert "echo {{ mirror }}" in (folder / "config.sh").read_text()
