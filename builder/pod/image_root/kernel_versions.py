"""Which of several kernel versions is the newest, as rpm compares them; dpkg and `sort -V` agree on kernels' names."""

import re

# The rank of a part at the place where two versions differ: `~` is older than the end, everything else is newer.
_TILDE, _END, _CARET, _LETTERS, _NUMBER = range(5)
_PARTS = re.compile(r"\d+|[A-Za-z]+|~|\^", re.ASCII)
# Two builds of one kernel: `-amd64` and `-cloud-amd64`, `-default` and `-64kb`, `+debug` and `+rt`.
_FLAVOUR = re.compile(r"(\+.*|-(?:[A-Za-z][^-]*|(?:16|64)kb?))$")


def age_of(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts versions from old to new (rpm's rpmvercmp)."""
    return (*(_part(each) for each in _PARTS.findall(version)), (_END, 0, ""))


def without_flavour(version: str) -> str:
    """Return a version without the words at its end that tell builds of the same kernel apart."""
    while (shorter := _FLAVOUR.sub("", version)) not in {"", version}:
        version = shorter
    return version


def newest(versions: list[str]) -> list[str]:
    """Return the newest versions: several when they differ in their flavour alone, which says nothing of their age."""
    ages = {version: age_of(without_flavour(version)) for version in versions}
    latest = max(ages.values())
    return sorted(version for version in versions if ages[version] == latest)


def _part(text: str) -> tuple[int, int, str]:
    if text.isdecimal():
        return _NUMBER, int(text), ""
    rank = {"~": _TILDE, "^": _CARET}.get(text, _LETTERS)
    return rank, 0, text
