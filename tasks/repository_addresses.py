"""The addresses that tell whether a repository is ready, as the package managers will ask for them."""

import re
from urllib.parse import urlsplit

from ingest.description import Repository

# dnf's and zypper's: $name, ${name}, and ${name:-…}. apt's: $(ARCH).
_VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+)|\((ARCH)\))")
# Both have the same value for dnf and for zypper. Only the package manager knows others: $releasever comes from the
# product that is installed.
_ARCHITECTURES = {"basearch", "arch"}
_OF_APT = {"x86_64": "amd64", "aarch64": "arm64"}


def expanded(url: str, package_manager: str, arch: str) -> str:
    """Return an address as the package manager will ask for it, as far as that is known before it runs.

    Args:
        url: The description's.
        package_manager: apt, dnf, microdnf or zypper.
        arch: The image's architecture.

    Returns:
        The address; a variable whose value is not known is still in it.
    """

    def value(match: re.Match[str]) -> str:
        if package_manager == "apt":
            return _OF_APT.get(arch, match[0]) if match[3] else match[0]
        name = match[1] or match[2]
        return arch if name in _ARCHITECTURES else match[0]

    return _VARIABLE.sub(value, url)


def unknown_variable(url: str, package_manager: str) -> str:
    """Return a variable of an expanded address whose value only the package manager knows; empty if there is none."""
    of_apt = package_manager == "apt"
    return next((match[0] for match in _VARIABLE.finditer(url) if bool(match[3]) is of_apt), "")


def is_on_web(repository: Repository) -> bool:
    """Return whether a repository is on a web server; no other can be asked."""
    return urlsplit(repository.url).scheme in {"http", "https"}


def metadata_urls(repository: Repository) -> list[str]:
    """Return the URLs of which one must answer for the repository to be ready.

    rpm-md: `repodata/repomd.xml`. apt: `InRelease`, or `Release` where it is not signed inline, of the distribution, or
    of the repository itself when it is a flat one (sources.list(5)). A list of mirrors is requested itself.
    """
    if repository.source_type != "baseurl":
        return [repository.url]
    if repository.type != "apt-deb":
        return [_below(repository.url, "repodata/repomd.xml")]
    flat = repository.distribution in {"", "./"}
    folder = "" if flat else f"dists/{repository.distribution}/"
    return [_below(repository.url, f"{folder}{name}") for name in ("InRelease", "Release")]


def names_metadata(repository: Repository) -> bool:
    """Return whether what is at these URLs changes with the packages; a list of mirrors does not."""
    return repository.source_type == "baseurl"


def _below(url: str, path: str) -> str:
    """Return the URL of a file of a repository; a query, which may be a token, stays at the end."""
    address, mark, query = url.partition("?")
    return f"{address.rstrip('/')}/{path}{mark}{query}"
