"""Links of a distribution that became folders: something has replaced them, and what they led to is no longer found."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.image_root.package_links import links_of_packages
from builder.pod.image_root.system_folders import SYSTEM_FOLDERS
from builder.pod.inspection.found import Found, listed

# Every distribution that has /run has them; those of Debian are of no package.
_USUAL = {"var/run": "/run", "var/lock": "/run/lock"}


def check_package_links(root: Path, known: list[str]) -> Iterator[Found]:
    """Check that the links of packages are still links, or gone.

    Args:
        root: The image root.
        known: Links that were found to be replaced already.
    """
    usual = _USUAL if (root / "run").is_dir() else {}
    links = usual | links_of_packages(root)
    resolved = cache(partial(_resolved, root))
    replaced = {place: links[place] for place in sorted(links) if place not in known and _is_folder(place, resolved)}
    system = [place for place in replaced if place in SYSTEM_FOLDERS]
    for kind, places in (("usr-merge", system), ("replaced-link", [each for each in replaced if each not in system])):
        if places:
            shown = [f"/{place} (to {replaced[place]})" for place in places]
            yield Found(
                kind,
                f"a folder has replaced the link {listed(shown)}",
                "put the files into the folder that the link leads to: in the recipe's overlay or archive, or where a "
                "script made the folder",
            )


def _is_folder(place: str, resolved: Callable[[str], Path | None]) -> bool:
    """Return whether there is a folder at a path itself: links above it are followed, it is not."""
    above, _, name = place.rpartition("/")
    folder = resolved(above)
    return folder is not None and (folder / name).is_dir() and not (folder / name).is_symlink()


def _resolved(root: Path, place: str) -> Path | None:
    try:
        return resolve_in_root(root, place)
    except (FileNotFoundError, NotADirectoryError):
        return None
