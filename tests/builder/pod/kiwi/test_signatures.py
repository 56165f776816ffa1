"""Tests of builder/pod/kiwi/signatures.py, in the builder image: it changes the machine it runs on."""

import subprocess
from pathlib import Path

import pytest

from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

_ACCEPT = (
    "from pathlib import Path; from builder.pod.kiwi.signatures import accept_only; "
    "accept_only(sorted(Path('/workspace/keys').glob('*.asc')))"
)


def accepting(folder: Path, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """Let two keys be accepted in the builder image, with shell commands before and after it."""
    (folder / "keys").mkdir()
    for name in ("00.asc", "01.asc"):
        (folder / "keys" / name).write_text(f"key {name}\n")
    return run_in_builder(["bash", "-c", f'{before}\npython3 -c "{_ACCEPT}" || exit\n{after}'], workspace=folder)


_SEE = "cat /var/cache/kiwi/ims-keys/*; ls -A /var/cache/kiwi/ims-keys"
SEEN = ["2 signing keys are known", "key 00.asc", "key 01.asc", "00.asc", "01.asc"]
LEFT = {
    "nothing": "true",
    "keys of an earlier attempt": "mkdir -p /var/cache/kiwi/ims-keys; echo stranger > /var/cache/kiwi/ims-keys/zz.asc",
    "a link": "mkdir -p /var/cache/kiwi /target; ln -s /target /var/cache/kiwi/ims-keys",
    "a link to nothing": "mkdir -p /var/cache/kiwi; ln -s /nowhere /var/cache/kiwi/ims-keys",
    "a file": "mkdir -p /var/cache/kiwi; echo stranger > /var/cache/kiwi/ims-keys",
}


@pytest.mark.parametrize("before", LEFT.values(), ids=LEFT)
def test_the_keys_are_those_that_are_given_whatever_was_there(tmp_path: Path, before: str) -> None:
    ran = accepting(tmp_path, before, f"{_SEE}; ls -A /target 2>/dev/null")
    assert ran.stdout.splitlines() == SEEN


def test_zypper_takes_no_keys_of_strangers_and_all_other_arguments_as_they_are(tmp_path: Path) -> None:
    ran = accepting(
        tmp_path,
        'printf \'#!/bin/sh\\nprintf "<%%s>" "$@"\\n\' > /usr/bin/zypper',
        "zypper --gpg-auto-import-keys --root '/a b' install '' '*' -- --gpg-auto-import-keys x",
    )
    assert ran.stdout.splitlines()[-1] == "<--root></a b><install><><*><--><x>"


def test_without_keys_zypper_is_its_own_and_unknown_keys_are_removed(tmp_path: Path) -> None:
    after = 'rm /workspace/keys/*; python3 -c "' + _ACCEPT + '"; hash -r; command -v zypper; ls /var/cache/kiwi'
    assert accepting(tmp_path, "true", after).stdout.splitlines() == ["2 signing keys are known", "/usr/bin/zypper"]
