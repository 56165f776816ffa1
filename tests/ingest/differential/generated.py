"""Generates descriptions: repositories, attributes, profiles, encodings, names, includes."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

SCHEMAS = {9: ["6.8", "7.0", "7.3", "7.4", "7.5"], 11: ["7.4", "7.6", "8.0", "8.5"]}
NAMES = ("A", "B", "C", "D")
ARCHES = ("x86_64", "aarch64", "x86_64,aarch64")
# The declared encoding, Python's name of it, and a word that is written differently in it.
ENCODINGS = [
    ("utf-8", "utf-8", "Müller"),
    ("UTF8", "utf-8", "Müller"),
    ("UTF-16", "utf-16", "漢"),
    ("ISO-8859-15", "iso8859-15", "€"),
    ("GBK", "gbk", "漢"),
    ("Shift_JIS", "shift_jis", "漢"),
]
_BOOLEAN = st.sampled_from(["true", "false", "1", "0"])
_SOME_PROFILES = st.lists(st.sampled_from(NAMES), unique=True).map(",".join)


@dataclass
class Generated:
    """A description: its files by path, links as their targets, and the profiles that a job asks for."""

    files: dict[str, bytes]
    links: dict[str, str] = field(default_factory=dict)
    profiles: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        for path, target in self.links.items():
            (folder / path).symlink_to(target)


def _element(tag: str, attributes: dict[str, str], content: str) -> str:
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{said}>{content}</{tag}>"


def _attributes(choices: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional=choices)


@st.composite
def _repositories(draw: st.DrawFn, kiwi: int) -> list[str]:
    choices = {
        "alias": st.sampled_from(["a", "b.c", "d-e"]),
        "priority": st.sampled_from(["1", "99"]),
        "profiles": _SOME_PROFILES,
        "username": st.just("u"),
        "password": st.sampled_from(["p", "p&<\"'"]),
    }
    found = []
    for number in range(draw(st.integers(1, 4))):
        # The schema allows one of both.
        image = draw(st.sampled_from(["imageinclude", "imageonly"]))
        named = draw(_attributes({**choices, image: _BOOLEAN}))
        user = draw(st.sampled_from(["", "", "x:s%40e@"]))
        scheme = draw(st.sampled_from(["https", "http"]))
        found.append(_element("repository", named, f'<source path="{scheme}://{user}r{number}.example.org/a/"/>'))
    return found


@st.composite
def _profiles(draw: st.DrawFn, known: list[str]) -> str:
    found = []
    for name in known:
        attributes = draw(_attributes({"import": _BOOLEAN, "arch": st.sampled_from(ARCHES)}))
        required = draw(st.lists(st.sampled_from(known), unique=True, max_size=2))
        content = "".join(f'<requires profile="{each}"/>' for each in required)
        found.append(_element("profile", {"name": name, "description": "d", **attributes}, content))
    return f"<profiles>{''.join(found)}</profiles>" if found else ""


@st.composite
def _preferences(draw: st.DrawFn) -> list[str]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        attributes = draw(_attributes({"profiles": _SOME_PROFILES, "arch": st.sampled_from(ARCHES)})) if number else {}
        manager = draw(st.sampled_from(["", "zypper", "apt", ""]))
        content = f"<packagemanager>{manager}</packagemanager>" if manager else ""
        image = draw(st.sampled_from(["tbz", "squashfs", "cpio"]))
        primary = draw(st.sampled_from(["", ' primary="true"']))
        content += f'<type image="{image}"{primary}/>'
        found.append(_element("preferences", attributes, f"<version>1.0.0</version>{content}"))
    return found


@st.composite
def _packages(draw: st.DrawFn) -> list[str]:
    found = ['<packages type="bootstrap"><package name="filesystem"/></packages>']
    for number in range(draw(st.integers(0, 3))):
        attributes = draw(_attributes({"profiles": _SOME_PROFILES}))
        arch = draw(st.sampled_from(["", ' arch="aarch64"', ' arch="x86_64"']))
        content = f'<package name="p{number}"{arch}/><package name="q{number}"/>'
        found.append(
            _element("packages", {"type": draw(st.sampled_from(["image", "bootstrap"])), **attributes}, content)
        )
    return found


@st.composite
def descriptions(draw: st.DrawFn, kiwi: int) -> Generated:
    """Draw a description that one of the kiwis may read, and the profiles of a job."""
    known = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    declared, encoding, author = draw(st.sampled_from(ENCODINGS))
    repositories = draw(_repositories(kiwi))
    included = draw(st.integers(0, len(repositories)))
    words = f"<author>{author}</author><contact>c</contact><specification>s</specification>"
    first = f"<description type='system'>{words}</description>"
    more = draw(st.sampled_from([None, "more.xml", "sub/more.xml"]))
    parts = [first, draw(_profiles(known)), *draw(_preferences()), *repositories[included if more else 0 :]]
    if more:
        parts.append(f'<include from="this://{more}"/>')
    image = f'<image schemaversion="{draw(st.sampled_from(SCHEMAS[kiwi]))}" name="generated">'
    text = "\n".join([f'<?xml version="1.0" encoding="{declared}"?>', image, *parts, *draw(_packages()), "</image>"])
    name, links = draw(
        st.sampled_from(
            [
                ("config.xml", {}),
                ("x.kiwi", {}),
                ("x.kiwi", {"config.xml": "x.kiwi"}),
                ("config.xml", {"x.kiwi": "config.xml"}),
                ("deep/d", {"x.kiwi": "deep/d", "config.xml": "x.kiwi"}),
            ]
        )
    )
    files = {name: text.encode(encoding)}
    if more:
        content = "".join(repositories[:included]) if included else "<!-- nothing -->"
        files[more] = f'<image schemaversion="7.5" name="more">{content}</image>'.encode(
            "utf-16" if included > 1 else "utf-8"
        )
    asked = draw(st.lists(st.sampled_from(known), unique=True, max_size=2)) if known else []
    return Generated(files, dict(links), asked)
