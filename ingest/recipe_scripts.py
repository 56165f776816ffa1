"""The scripts of a recipe that run in its image's root: each is checked before an hour of packages."""

import os
import re
from pathlib import Path

from ingest.links import OVERLAY
from ingest.names import shown
from ingest.recipe_files import read_text, real_path
from ingest.shell_script import check_script, interpreter_path

# kiwi/defaults.py and kiwi/system/setup.py: what kiwi runs of a description by its name.
SCRIPTS = (
    *("config.sh", "config-overlay.sh", "config-host-overlay.sh", "images.sh", "post_bootstrap.sh"),
    *("pre_disk_sync.sh", "disk.sh"),
)


# Where distributions have their interpreters, and the names of those that recipes are written for.
_FOLDERS = {"/bin", "/usr/bin", "/sbin", "/usr/sbin"}
_INTERPRETERS = re.compile(
    r"(ba|da|k|mk|z|a|c|tc|fi)?sh|busybox|(python|perl|ruby|lua|tclsh|php|node|pypy)[\d.]*|[gmn]?awk|sed|env|make|expect"
)


def check_scripts(folder: str, top: int) -> list[str]:
    """Check the scripts that a recipe has.

    Args:
        folder: The recipe's folder.
        top: The same, opened.

    Returns:
        What may be wrong with them, a line each: only the packages of the image know all interpreters.

    Raises:
        BadInput: One cannot run as it is; file and line are named.
    """
    warnings = []
    for name in SCRIPTS:
        if Path(folder, name).is_file():
            text, mode = read_text(real_path(name, folder), top, name)
            executable = bool(mode & 0o111)
            check_script(text, name, executable=executable)
            # Without the run bit kiwi gives it to bash.
            if executable and (unusual := _unusual_interpreter(text, folder)):
                warnings.append(
                    f"{name}, line 1 names the interpreter {shown(unusual)}, which neither the overlay nor a usual "
                    "package has: the script cannot run unless a package of the recipe brings it"
                )
    return warnings


def _unusual_interpreter(text: bytes, folder: str) -> str:
    """Return the interpreter that a script names, if it is one that an image may not have."""
    path = interpreter_path(text)
    above, _, name = path.rpartition("/")
    usual = above in _FOLDERS and _INTERPRETERS.fullmatch(name)
    return "" if not path or usual or os.path.lexists(f"{folder}/{OVERLAY}{path}") else path
