"""The functions of kiwi that old config.sh scripts call: those that kiwi has removed only print a warning.

Since kiwi 9.23 some of the functions in `/.kconfig` end the script (`deprecated`), others are gone. Both would break a
recipe for something it no longer needs. A warning names each. kiwi 9.24 keeps nothing of what a script says, unless it
fails, so the warnings are kept in a file beside the script, in the root.
"""

import re
from pathlib import Path

# The file that kiwi copies to `/.kconfig`: kiwi 11's, where it is installed, or that of Debian's kiwi.
_FUNCTIONS = (
    Path("/usr/lib/kiwi11/kiwi/config/functions.sh"),
    Path("/usr/lib/python3/dist-packages/kiwi/config/functions.sh"),
)

# Of earlier releases' kiwi/config/functions.sh and modules/KIWIConfig.sh, not in 9.24 any more.
GONE = (
    *("baseCreateCommonKernelFile", "baseDisableCtrlAltDel", "baseSetupBoot", "baseSetupBootLoaderCompatLinks"),
    *("baseSetupBusyBox", "baseSetupInPlaceGITRepository", "baseSetupInPlaceSVNRepository", "baseSetupOEMPartition"),
    *("baseSetupPlainTextGITRepository", "baseStripRPM", "debianGFXBoot", "importDatabases", "rhelGFXBoot"),
    *("suseActivateServices", "suseCloneRunlevel", "suseGFXBoot", "suseRemovePackagesMarkedForDeletion"),
    *("suseStripFirmware", "suseStripModules", "suseStripPackager"),
)

_MARK = "# Added by the builder image: functions that do nothing any more."
# Warnings for the pod's log, in the root. In /image, which is left out of the rootfs.
KEPT = "image/.warnings"
_LONGEST_WARNINGS_BYTES = 64 << 10
# In the syntax of every shell that reads the rest of the file, for example busybox.
_SHIMS = f"""
{_MARK}
function deprecated {{
    set -- "warning: ${{0##*/}} calls $1, which does nothing any more:" $(cat)
    echo "$*" >&2
    echo "$*" 2>/dev/null >> /{KEPT} || true
}}
function _gone {{
    echo "this release of kiwi has no such function" | deprecated "$1"
}}
"""


def functions_file() -> Path | None:
    """Return the file of functions that the installed kiwi gives to scripts; None when kiwi lies elsewhere."""
    return next(filter(Path.is_file, _FUNCTIONS), None)


def make_harmless(file: Path) -> None:
    """Make functions that end a script, or that are missing, only warn; all others are kept.

    Safe to repeat.
    """
    text = file.read_text()
    if _MARK in text:
        return
    missing = [name for name in GONE if not re.search(rf"^function {name}\b", text, re.MULTILINE)]
    file.write_text(text + _SHIMS + "".join(f"function {name} {{ _gone {name}; }}\n" for name in missing))


def warnings_of_scripts(root: Path) -> list[str]:
    """Return the warnings of the scripts that kiwi ran in an image root, each once, in their order."""
    kept = root / KEPT
    # A script may have made anything of this name.
    if kept.is_symlink() or not kept.is_file():
        return []
    with kept.open("rb") as file:
        text = file.read(_LONGEST_WARNINGS_BYTES).decode(errors="replace")
    return list(dict.fromkeys(text.splitlines()))
