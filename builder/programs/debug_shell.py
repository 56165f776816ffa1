"""The pod with a shell into a failed build or customization: to look around, however it ends (see shell.py)."""

import os

from builder.contract.inputs import DebugShellInput
from builder.pod.image_root.chroot import put_back
from builder.pod.image_root.root import image_root
from builder.pod.lease import run_in_workspace
from builder.pod.shell.shell import IMAGE, Shell, open_shell
from builder.pod.step import end_with, workspace

_WELCOME = """\
The build of this image failed. Its root, as far as it was built, is /mnt/image/image-root;
kiwi's log is /workspace/kiwi.log, the description /workspace/context/description.
touch /mnt/image/complete  ends this shell, and with it the job; otherwise it ends {limit} from its start.
"""


def debug_shell() -> None:
    """Serve the shell."""
    here, asked = workspace(), DebugShellInput.from_environment(os.environ)
    IMAGE.mkdir(parents=True, exist_ok=True)
    (here / "root").mkdir(exist_ok=True)
    # Its user may mount what a chroot needs; that is unmounted at the end.
    with image_root(here) as root:
        put_back(root)
        (IMAGE / "image-root").symlink_to(root)
        open_shell(Shell(welcome=_WELCOME, signals=IMAGE), asked.shell)


if __name__ == "__main__":
    end_with(run_in_workspace(debug_shell))
