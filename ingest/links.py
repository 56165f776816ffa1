"""Checks the symbolic links of a recipe: links of the overlay stay inside the image, all others inside the recipe.

The rule: a link that is followed on the build host, or in the image's root as `/`, stays inside its tree.
"""

from collections.abc import Mapping

from errors import BadInput
from ingest.names import refuse_unprintable, shown

OVERLAY = "root"
LONGEST_TARGET_BYTES = 4095
# Linux follows as many before it fails with ELOOP (path_resolution(7)).
_MOST_HOPS = 40


def check_links(targets: Mapping[str, str]) -> None:
    """Follow each link through the recipe's other links, without touching the disk.

    Links below `root/`, which kiwi copies into the image as they are, may be absolute: they are followed as if `root`
    were `/`. A missing path may come with a package, and counts as a folder.

    Args:
        targets: The link targets of the recipe, by the links' paths.

    Raises:
        BadInput: A link leads out of its tree or in circles, or its target is not allowed.
    """
    for path in targets:
        _check_text(path, targets)
        leads_to(path, targets)


def _check_text(path: str, targets: Mapping[str, str]) -> None:
    target = targets[path]
    refuse_unprintable(target, f"the target of the symbolic link {shown(path)}")
    if not target or len(target.encode()) > LONGEST_TARGET_BYTES:
        raise _refused(path, targets, f"has a target that is empty or longer than {LONGEST_TARGET_BYTES} bytes")


def leads_to(path: str, targets: Mapping[str, str]) -> str:
    """Return the path that a path is a name of, with links followed as `check_links` says.

    Raises:
        BadInput: It leads out of its tree or in circles.
    """
    in_overlay = path.startswith(f"{OVERLAY}/")
    top = [OVERLAY] if in_overlay else []
    at = path.split("/")[:-1]
    left = [path.rpartition("/")[2]]
    hops = 0
    while left:
        part = left.pop()
        if part == "..":
            if at == top:
                raise _refused(path, targets, "leads out of the image" if in_overlay else "leads out of the archive")
            at.pop()
        elif part not in {"", "."}:
            at.append(part)
        target = targets.get("/".join(at))
        if target is None:
            continue
        hops += 1
        if hops > _MOST_HOPS:
            raise _refused(path, targets, "leads in circles")
        at = _from(at, target, path, targets)
        left.extend(reversed(target.split("/")))
    return "/".join(at)


def _from(at: list[str], target: str, path: str, targets: Mapping[str, str]) -> list[str]:
    """Return the folder that the link at `at` is relative to."""
    if not target.startswith("/"):
        return at[:-1]
    if not path.startswith(f"{OVERLAY}/"):
        raise _refused(path, targets, f"leads out of the archive: only links below {OVERLAY}/ may be absolute")
    return [OVERLAY]


def _refused(path: str, targets: Mapping[str, str], why: str) -> BadInput:
    return BadInput(
        f"archive entry {shown(path)}, a symbolic link to {shown(targets[path])}, {why}",
        resolution="remove it, or let it lead to a path inside",
    )
