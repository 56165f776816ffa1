"""What of a description a build uses, by kiwi's rules: profiles, architectures, and repositories of the image alone.

The rule: it follows kiwi/xml_state.py of 9.24 and of 11, so that nothing is asked or given that kiwi does not use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from errors import BadInput
from ingest.description_xml import Document, Element

_TRUE = {"true", "1"}


@dataclass(frozen=True)
class Selection:
    """What a build is made for.

    Args:
        profiles: The profiles that apply.
        arch: The machine's architecture.
        replaced: Whether the site's repositories replace the description's own.
    """

    profiles: tuple[str, ...]
    arch: str
    replaced: bool = False

    def uses(self, section: Element) -> bool:
        """Return whether a section applies: of no profile or of one that applies, and of this architecture."""
        # As kiwi does, without removing blanks: the schema allows none.
        named = section.get("profiles")
        return self._fits(section) and (not named or bool({*named.split(",")} & {*self.profiles}))

    def why_left_out(self, repository: Element) -> str:
        """Return why a repository is no part of this build; empty when it is."""
        if self.replaced:
            return "the site file replaces it"
        if not self._fits(repository):
            return f"it is for {repository.get('arch')}"
        return "" if self.uses(repository) else f"it is for the profiles {repository.get('profiles')}"

    def why_not_asked(self, repository: Element) -> str:
        """Return why kiwi never reads from a repository; empty when it does."""
        of_image = repository.get("imageonly", "").strip() in _TRUE
        return self.why_left_out(repository) or ("it is for the image alone" if of_image else "")

    def _fits(self, section: Element) -> bool:
        return fits(section, self.arch)


def fits(section: Element, arch: str) -> bool:
    """Return whether a section is for an architecture; without `arch` it is for all."""
    named = section.get("arch")
    return not named or arch in named.split(",")


def applying_profiles(document: Document, asked: Sequence[str], arch: str) -> tuple[str, ...]:
    """Return the profiles that kiwi builds: the asked ones with those that they require, or those that are imported.

    Raises:
        BadInput: The description has no such profile for this architecture.
    """
    known = {
        element.get("name", ""): element
        for element in document.root.iterfind("profiles/profile")
        if fits(element, arch)
    }
    if not asked:
        return tuple(name for name, element in known.items() if element.get("import", "").strip() in _TRUE)
    applying: list[str] = []
    left = list(reversed(asked))
    while left:
        name = left.pop()
        if name in applying:
            continue
        if name not in known:
            raise BadInput(
                f"the description has no profile {name} for {arch}",
                resolution=f"it has {', '.join(known) or 'none'}",
            )
        applying.append(name)
        required = [each.get("profile", "") for each in known[name].iterfind("requires") if fits(each, arch)]
        left.extend(reversed(required))
    return tuple(applying)
