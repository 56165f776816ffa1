"""The pod that builds the CA RPM: an unprivileged one, with nothing of a job but a spec and certificates.

Environment: IMS_CONTEXT_URL (presigned), IMS_CONTEXT_SHA256: an archive of `site-ca.spec` and the files it names;
IMS_RESULT_URL (presigned), which gets the RPM.
"""

import shutil
from pathlib import Path

from builder.programs.child import run
from builder.programs.context import fetch
from builder.programs.step import StepFailed, end_with, required, run_step, say, workspace
from builder.programs.transfer import write


def ca_rpm() -> None:
    """Build the RPM and hand it in."""
    url, sha256, result_url = required("IMS_CONTEXT_URL"), required("IMS_CONTEXT_SHA256"), required("IMS_RESULT_URL")
    rpm = build(fetch(url, sha256, workspace() / "ca-rpm").folder)
    write(result_url, rpm.read_bytes())
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


if __name__ == "__main__":
    end_with(run_step(ca_rpm))
