"""The site's authorities, which a build trusts: in this container, and in roots that take no CA RPM."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from builder.pod.kiwi.old_functions import KEPT
from builder.pod.step import StepFailed, say

ANCHORS = Path("/usr/local/share/ca-certificates")
_POST_BOOTSTRAP = "post_bootstrap.sh"
# The place of the recipe's own script in the image; /image is left out of the rootfs.
_OWN = Path("/image/post_bootstrap_of_recipe.sh")

# kiwi runs it in the root between the bootstrap phase, which this container's trust holds for, and the image phase,
# in which the root's own package manager fetches. ca-certificates that come later run the same by themselves.
_SCRIPT = """\
#!/bin/sh
set -e
mkdir -p {anchors}
{files}
if command -v update-ca-certificates >/dev/null; then
    update-ca-certificates
else
    echo "warning: the image has no update-ca-certificates yet: add ca-certificates to its bootstrap packages" >> {kept}
fi
"""


def trust(certificates: Sequence[Path]) -> None:
    """Make this container trust the certificates.

    Raises:
        StepFailed: The trust store cannot be made.
    """
    if not certificates:
        return
    ANCHORS.mkdir(parents=True, exist_ok=True)
    for certificate in certificates:
        shutil.copyfile(certificate, _anchor(certificate))
    made = subprocess.run(["update-ca-certificates"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise StepFailed(f"update-ca-certificates failed: {made.stderr.strip()}")
    say(f"the build trusts {len(certificates)} certificate authorities of the site")


def trust_in_root(certificates: Sequence[Path], description: Path) -> None:
    """Let kiwi put the certificates into the image's root and refresh its trust store, after the bootstrap phase.

    A script of the recipe for the same moment runs after ours.

    Args:
        certificates: PEM files.
        description: The folder that kiwi reads.
    """
    if not certificates:
        return
    script = description / _POST_BOOTSTRAP
    own = _run_own(script) if script.is_file() else ""
    # It may be a link: its target is not changed.
    script.unlink(missing_ok=True)
    files = "\n".join(_here_document(_anchor(each), each.read_text()) for each in certificates)
    script.write_text(_SCRIPT.format(anchors=ANCHORS, files=files, kept=f"/{KEPT}") + own, errors="surrogateescape")
    script.chmod(0o755)


def _anchor(certificate: Path) -> Path:
    return ANCHORS / f"ims-site-ca-{certificate.stem}.crt"


def _run_own(script: Path) -> str:
    # kiwi copies nothing but scripts of its own names into the root: the recipe's is part of ours.
    interpreter = "" if script.stat().st_mode & 0o111 else "bash "
    text = script.read_text(errors="surrogateescape")
    return f"{_here_document(_OWN, text)}\nchmod 755 {_OWN}\nexec {interpreter}{_OWN}\n"


def _here_document(target: Path, text: str) -> str:
    end = f"END OF {hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()}"
    return f"cat > {target} <<'{end}'\n{text.strip()}\n{end}"
