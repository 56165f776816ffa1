"""The packages that a build accepts: when keys are given, only those that are signed by one of them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from builder.pod.kiwi.repository_file import KEYS
from builder.pod.step import say

# kiwi has zypper import every key that a repository offers, and so trust every repository. This wrapper is found first.
_ZYPPER = Path("/usr/local/sbin/zypper")
_WITHOUT_KEY_IMPORT = """\
#!/bin/bash
arguments=()
for argument in "$@"; do
    [ "$argument" = --gpg-auto-import-keys ] || arguments+=("$argument")
done
exec /usr/bin/zypper "${arguments[@]}"
"""


def accept_only(keys: Sequence[Path]) -> None:
    """Give the keys to package managers, and let zypper accept no others; without keys, kiwi's own rules hold.

    Args:
        keys: Armoured OpenPGP public keys.
    """
    _remove(KEYS)
    _ZYPPER.unlink(missing_ok=True)
    if not keys:
        return
    KEYS.mkdir(parents=True)
    for key in keys:
        shutil.copyfile(key, KEYS / key.name)
    _ZYPPER.write_text(_WITHOUT_KEY_IMPORT)
    _ZYPPER.chmod(0o755)
    say(f"{len(keys)} signing keys are known")


def _remove(folder: Path) -> None:
    # Scripts of an earlier attempt could write there: it may be anything.
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
