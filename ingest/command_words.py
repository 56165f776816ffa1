"""Checks the words of a description that kiwi puts into command lines: names of packages, groups, users and the like.

The rule: none of them is an option, breaks a line or a file's name, or is longer than any real one.
"""

from collections.abc import Callable

from ingest.description_xml import Document, Element, refused
from ingest.names import shown

LONGEST = 255
# Elements with attributes of one word, of a list of words, and of a text that may hold blanks; a list is one, too.
_WORDS = {
    "package": ("name",),
    "ignore": ("name",),
    "product": ("name",),
    "collectionModule": ("name", "stream"),
    "container": ("name", "tag"),
    "profile": ("name",),
    "requires": ("profile",),
    "repository": ("alias", "distribution"),
    "user": ("name",),
}
_LISTS = {"repository": {"components": " "}, "user": {"groups": ","}}
_TEXTS = {
    "namedCollection": ("name",),
    "repository": ("components",),
    "user": ("groups", "home", "shell", "realname"),
}
# Elements whose content is a word.
_CONTENTS = {"version", "release-version", "timezone", "keytable", "locale", "packagemanager", "bootstrap_package"}


def check_command_words(document: Document) -> None:
    """Check all of them.

    Raises:
        BadInput: One begins with a dash, holds blanks, line breaks or control characters, or is too long.
    """
    for element in document.root.iter("*"):
        for name in _WORDS.get(element.tag, ()):
            _check(document, element, name, element.get(name), _fault_of_word)
        for name, separator in _LISTS.get(element.tag, {}).items():
            for word in (element.get(name) or "").split(separator):
                _check(document, element, name, word, _fault_of_word)
        for name in _TEXTS.get(element.tag, ()):
            _check(document, element, name, element.get(name), _fault_of_text)
        if element.tag in _CONTENTS and not len(element):
            # kiwi removes the blanks around it.
            _check(document, element, "", (element.text or "").strip(), _fault_of_word)
        if element.tag == "user" and (fault := _fault_of_text(element.get("password") or "")):
            # Without its value, which is a secret.
            raise refused(document, element, f"the user's password {fault}", "set another one, or a hash of it")
    _check(document, document.root, "name", document.root.get("name"), _fault_of_word)


def _check(
    document: Document, element: Element, attribute: str, value: str | None, fault_of: Callable[[str], str]
) -> None:
    if value and (fault := fault_of(value)):
        place = f"{element.tag} {attribute}".strip()
        raise refused(document, element, f"{place}: {shown(value)} {fault}", "correct it")


def _fault_of_word(value: str) -> str:
    return "holds blanks or line breaks" if any(map(str.isspace, value)) else _fault_of_text(value)


def _fault_of_text(value: str) -> str:
    if value.startswith("-"):
        return "begins with a dash: a program would take it for an option"
    if not value.isprintable():
        return "holds line breaks, control characters or others that are not printable"
    return f"is longer than {LONGEST} characters" if len(value) > LONGEST else ""
