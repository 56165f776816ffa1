"""The pod that builds the CA RPM: an unprivileged one, which gets a spec and certificates only.

Where signatures are checked, package managers refuse a package without one: the RPM is signed by a key that is made for
it, and whose secret half is removed with this container.
"""

import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from builder.contract.inputs import CaRpmInput
from builder.pod.child import run
from builder.pod.context import fetch
from builder.pod.step import StepFailed, end_with, run_step, say, workspace
from builder.pod.transfer.objects import write

_SIGNER = "CA package of this site <ims-site-ca@localhost>"


def ca_rpm() -> None:
    """Build the RPM, sign it and hand it in with its key."""
    asked = CaRpmInput.from_environment(os.environ)
    rpm = build(fetch(asked.context, workspace() / "ca-rpm").folder)
    key = sign(rpm)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(rpm, "ims-site-ca.rpm")
        tar.add(key, "ims-site-ca.asc")
    write(asked.result_url, packed.getvalue())
    say(f"built {rpm.name}: {rpm.stat().st_size} bytes")


def build(folder: Path) -> Path:
    """Run rpmbuild on the folder's spec and return the RPM.

    Raises:
        StepFailed: rpmbuild failed, or made something else than one RPM.
    """
    top = folder / "rpmbuild"
    shutil.rmtree(top, ignore_errors=True)
    command = ["rpmbuild", "-bb", "--define", f"_topdir {top}", "--define", f"_sourcedir {folder}"]
    exit_code = run([*command, str(folder / "site-ca.spec")], environment={"SOURCE_DATE_EPOCH": "0"})
    if exit_code:
        raise StepFailed(f"rpmbuild failed with exit code {exit_code}")
    made = sorted(top.glob("RPMS/*/*.rpm"))
    if len(made) != 1:
        raise StepFailed(f"rpmbuild made {len(made)} RPMs instead of one")
    return made[0]


def sign(rpm: Path) -> Path:
    """Sign an RPM with a fresh key and return the armoured public key's file, beside it.

    Raises:
        StepFailed: gpg or rpm failed.
    """
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        # RSA: the rpm of older distributions knows no other kind.
        _must([*gpg, "--passphrase", "", "--quick-generate-key", _SIGNER, "rsa3072", "sign", "never"])
        macros = [f"_gpg_name {_SIGNER}", "__gpg /usr/bin/gpg", f"_gpg_path {home}"]
        _must(["rpm", *(part for macro in macros for part in ("--define", macro)), "--addsign", str(rpm)])
        key = rpm.with_suffix(".asc")
        _must([*gpg, "--armor", "--output", str(key), "--export", _SIGNER])
        # Its agent would keep the secret half in memory for as long as the container lives.
        _must(["gpgconf", "--homedir", home, "--kill", "gpg-agent"])
    return key


def _must(command: list[str]) -> None:
    if exit_code := run(command):
        raise StepFailed(f"{command[0]} failed with exit code {exit_code}")


if __name__ == "__main__":
    end_with(run_step(ca_rpm))
