"""ingest/command_words.py: what kiwi puts into command lines."""

import re
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest.command_words import LONGEST, check_command_words
from ingest.description_xml import parse

PLACES = {
    "package": '<packages type="image"><package name={}/></packages>',
    "ignore": '<packages type="image"><ignore name={}/></packages>',
    "product": '<packages type="image"><product name={}/></packages>',
    "collectionModule": '<packages type="bootstrap"><collectionModule name="a" stream={}/></packages>',
    "namedCollection": '<packages type="image"><namedCollection name={}/></packages>',
    "alias": "<repository alias={}/>",
    "distribution": "<repository distribution={}/>",
    "components": "<repository components={}/>",
    "user": "<users><user name={} password='x'/></users>",
    "groups": "<users><user name='a' groups={}/></users>",
    "home": "<users><user name='a' home={}/></users>",
    "shell": "<users><user name='a' shell={}/></users>",
    "profile": "<profiles><profile name={}/></profiles>",
}
WITH_BLANKS = {"namedCollection", "components", "home", "shell"}
GOOD = {
    "package": ["bash", "libstdc++", "kernel-default", "perl(Foo::Bar)", "a>=1.0~rc1", "gcc-12-base", "@core", "ü"],
    "namedCollection": ["base", "Minimal Install", "patterns-base"],
    "components": ["main contrib non-free"],
    "groups": ["users,wheel", "users"],
    "user": ["root", "web_admin", "user-1"],
}


def check(content: str) -> None:
    check_command_words(parse(f'<?xml version="1.0"?>\n<image name="a">{content}</image>'.encode(), "config.xml"))


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, values in GOOD.items() for value in values])
def test_real_names_are_allowed(place: str, value: str) -> None:
    check(PLACES[place].format(quoteattr(value)))


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=10)
@given(value=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20))
def test_an_option_a_line_break_or_a_very_long_word_is_refused_wherever_it_stands(place: str, value: str) -> None:
    for bad in (f"-{value}", f"{value}\n{value}", f"{value}\u202e", f"{value}\x85", value * (LONGEST + 1)):
        written = quoteattr(bad, {"\n": "&#10;"})
        with pytest.raises(BadInput, match=r"^config\.xml, line 2: ") as refusal:
            check(PLACES[place].format(written))
        assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("place", sorted(PLACES.keys() - WITH_BLANKS))
def test_a_blank_is_refused_where_one_word_is_meant(place: str) -> None:
    for bad in (" a", "a b", "a "):
        with pytest.raises(BadInput, match="holds blanks"):
            check(PLACES[place].format(quoteattr(bad)))


CONTENTS = ["version", "release-version", "timezone", "keytable", "locale"]


@pytest.mark.parametrize("tag", CONTENTS)
def test_the_content_of_an_element_is_checked_too(tag: str) -> None:
    check(f"<preferences><{tag}>\n a-b \n</{tag}></preferences>")
    for bad in ("-x", "a b", "a\nb", "a" * 300):
        with pytest.raises(BadInput, match=rf"line \d: {tag}: "):
            check(f"<preferences><{tag}>{bad}</{tag}></preferences>")


@pytest.mark.parametrize("name", ["-x", "a" * 256])
def test_the_images_name_is_checked_too(name: str) -> None:
    with pytest.raises(BadInput, match="image name: "):
        check_command_words(parse(f'<image name="{name}"/>'.encode(), "config.xml"))


@pytest.mark.parametrize("password", ["-in /etc/shadow", "s3cr3t&#10;"])
def test_a_password_that_is_refused_is_not_shown(password: str) -> None:
    with pytest.raises(BadInput, match="the user's password") as refusal:
        check(f"<users><user name='a' password='{password}'/></users>")
    assert not re.search(r"s3cr3t|shadow", str(refusal.value))
