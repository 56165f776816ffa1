"""The command line of `kiwi-ng system prepare`, for the kiwi that this builder image holds.

9.24.56 and 11.1.6 spell every option of it alike, `--root` too (kiwi/tasks/system_prepare.py, kiwi/cli.py); it is
`system build` that has `--target-dir`.
"""

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from builder.pod.step import StepFailed

# `KIWI (next generation) version 9.24.56`
_VERSION = re.compile(r"version (\d+(?:\.\d+)*)")


@cache
def kiwi_version() -> str:
    """Return the version of the kiwi that is installed here, as it says itself.

    Raises:
        StepFailed: There is none, or it does not start.
    """
    try:
        asked = subprocess.run(["kiwi-ng", "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise StepFailed(f"kiwi-ng does not start: {error}") from error
    said = _VERSION.search(asked.stdout)
    if asked.returncode or not said:
        raise StepFailed(f"kiwi-ng does not say its version: {(asked.stderr or asked.stdout).strip()}")
    return said[1]


def prepare_command(
    description: Path,
    root: Path,
    *,
    log_file: Path,
    config: Path | None = None,
    profiles: Sequence[str] = (),
    target_arch: str = "",
    bootstrap_packages: Sequence[Path] = (),
    signing_keys: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command that builds an image root.

    Args:
        description: The folder that holds config.xml.
        root: Where the root is built; must not exist.
        log_file: Where kiwi writes all that it and what it calls say.
        config: Its runtime configuration; its own defaults when left out.
        profiles: The description's profiles to build.
        target_arch: The packages' architecture; empty for this machine's.
        bootstrap_packages: RPM files to install in the bootstrap phase, beside the description's packages.
        signing_keys: Files of keys that packages may be signed with.
        options: More options of `system prepare`, each an argument of its own.
    """
    return [
        *("kiwi-ng", *(["--config", str(config)] if config else []), "--logfile", str(log_file)),
        *(["--target-arch", target_arch] if target_arch else []),
        *_each("--profile", profiles),
        *("system", "prepare", "--description", str(description), "--root", str(root)),
        *_each("--add-bootstrap-package", [f"file://{package}" for package in bootstrap_packages]),
        *_each("--signing-key", signing_keys),
        *options,
    ]


def _each(option: str, values: Sequence[object]) -> list[str]:
    return [argument for value in values for argument in (option, str(value))]
