"""The functions of kiwi's that old config.sh scripts call: what was taken from them does nothing, and says so.

Since kiwi 9.23 some of the functions in `/.kconfig` end the script (`deprecated`), others are gone. Both would break a
recipe for something it no longer needs. A warning names each; kiwi keeps what scripts say in its log file only, so the
warnings are looked up there after the run.
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
_SHIMS = f"""
{_MARK}
function deprecated {{
    local why
    why=$(cat)
    echo "warning: ${{0##*/}} calls $1, which does nothing any more: ${{why//[$'\\n\\t']/ }}" >&2
}}
function _goneFunction {{
    deprecated "$1" <<< "this release of kiwi has no such function"
}}
{{functions}}
"""
_WARNING = re.compile(r"warning: \S+ calls \S+, which does nothing any more: .*")


def functions_file() -> Path | None:
    """Return the file of functions that the installed kiwi gives to scripts; None when kiwi lies elsewhere."""
    return next(filter(Path.is_file, _FUNCTIONS), None)


def make_harmless(file: Path) -> None:
    """Make what ends or misses in a file of kiwi's functions do nothing but warn; what works is kept.

    Safe to repeat.
    """
    text = file.read_text()
    if _MARK in text:
        return
    missing = [name for name in GONE if not re.search(rf"^function {name}\b", text, re.MULTILINE)]
    functions = "\n".join(f'function {name} {{ _goneFunction "$FUNCNAME"; }}' for name in missing)
    file.write_text(text + _SHIMS.replace("{functions}", functions))


def warnings_in(log_file: Path) -> list[str]:
    """Return the warnings in kiwi's log file, each once, in the order in which they came."""
    if not log_file.exists():
        return []
    with log_file.open(errors="replace") as lines:
        found = [said[0].rstrip() for line in lines if (said := _WARNING.search(line))]
    return list(dict.fromkeys(found))
