"""kiwi's own classes for reading descriptions outside of pods: both kiwis, each in a folder of its own.

They are Python packages of one name in two versions, so no environment can hold both. The worker's image has the
folders; elsewhere pip makes them when they are first needed. `python -m builder.kiwi_packages` makes both.
"""

import hashlib
import logging
import sys
from pathlib import Path

from builder.command import print_reference
from builder.pip import install
from builder.scratch import cache_folder, one_at_a_time

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent
# The pins of the builder images; what kiwi 11's command needs besides is no part of reading.
_PINS = {9: ("kiwi9.txt", ("kiwi", "setuptools")), 11: ("kiwi11.txt", ("kiwi",))}
KIWIS = tuple(_PINS)
# The rules of kiwi's schema that no schema language can say, as they are when their patterns are expanded: to expand
# them takes most of the time that kiwi needs for a description.
EXPANDED_RULES = "kiwi/schema/kiwi.expanded.sch"
# Where the worker's image has them (deploy/image.py).
IN_IMAGE = Path("/usr/local/lib/ims-kiwi")
_RESOLUTION = "give this host's pip an index that it reaches, and run `python -m builder.kiwi_packages`"


def requirements(kiwi: int) -> list[str]:
    """Return what pip installs, each pinned."""
    file, names = _PINS[kiwi]
    lines = (_HERE / file).read_text().splitlines()
    return [line for line in lines if line.partition("==")[0] in names]


def folder_name(kiwi: int) -> str:
    """Return the name of the folder of one kiwi: it changes with what it holds."""
    version = requirements(kiwi)[0].partition("==")[2]
    digest = hashlib.sha256("\n".join([*requirements(kiwi), EXPANDED_RULES]).encode()).hexdigest()
    return f"kiwi-{version}-{digest[:12]}"


def kiwi_packages(kiwi: int) -> Path:
    """Return the folder that holds the Python packages of a kiwi, made first when it is missing.

    Safe to call at the same time from several processes: one makes it, the others wait. What was cut off is no folder.

    Args:
        kiwi: Its major version.

    Raises:
        Unreachable: pip does not get the packages.
        Broken: There is no pip.
    """
    name = folder_name(kiwi)
    own = cache_folder() / "kiwi" / name
    for folder in (IN_IMAGE / name, own):
        if folder.is_dir():
            return folder
    with one_at_a_time() as scratch:
        if not own.is_dir():
            logger.info("fetching kiwi %d, to read descriptions with its own classes", kiwi)
            install_kiwi(kiwi, scratch / name, scratch)
            own.parent.mkdir(exist_ok=True)
            (scratch / name).rename(own)
    return own


def install_kiwi(kiwi: int, folder: Path, scratch: Path) -> None:
    """Install the packages of a kiwi into a folder.

    Raises:
        Unreachable: pip does not get the packages.
        Broken: There is no pip.
    """
    # Without dependencies: lxml and PyYAML are this project's own; ingest/kiwi_classes.py stands in for requests.
    install(folder, ["--no-deps", *requirements(kiwi)], scratch, whose=f"kiwi {kiwi}", resolution=_RESOLUTION)
    (folder / EXPANDED_RULES).write_bytes(expanded_rules(folder / "kiwi/schema/kiwi.rng"))


def expanded_rules(schema: Path) -> bytes:
    """Return what lxml makes of the Schematron rules in a schema before it compiles them."""
    from lxml import etree
    from lxml.isoschematron import Schematron

    rules = Schematron(etree.parse(schema), store_schematron=True).schematron
    return etree.tostring(rules, encoding="utf-8", xml_declaration=True)


def main() -> int:
    """Make both folders when they are missing, and print their paths."""
    return print_reference(lambda: "\n".join(str(kiwi_packages(kiwi)) for kiwi in KIWIS))


if __name__ == "__main__":
    sys.exit(main())
