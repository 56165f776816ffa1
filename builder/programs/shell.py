"""The pod with a shell into a failed build: root by SSH, until a file says that it is enough, or the time is up.

Environment: IMS_PUBLIC_KEY, IMS_SSH_ADDRESS, IMS_SHELL_SECONDS; IMS_JOB_ID and IMS_ARCH, which sessions get as well.
When it is ready it says `shell ready: PORT FINGERPRINT`, which the flow waits for (tasks/shells.py).
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from builder.programs.mounts import unmount_below
from builder.programs.sshd import serve
from builder.programs.step import StepFailed, end_with, required, run_step, say, workspace

READY = "shell ready: "
# Where IMS's users find the image's root and say that they are ready.
IMAGE = Path("/mnt/image")
_SIGNALS = ("complete", "failed")
_LOOK_SECONDS = 1.0

_WELCOME = """\
The build of this image failed. Its root, as far as it came, is {image}/image-root;
kiwi's log is /workspace/kiwi.log, the description /workspace/context/description.
touch {image}/complete  ends this shell, and with it the job; otherwise it ends {limit} from its start.
"""


def shell() -> None:
    """Serve the shell."""
    address, public_key = required("IMS_SSH_ADDRESS"), required("IMS_PUBLIC_KEY")
    seconds = required("IMS_SHELL_SECONDS")
    if not seconds.isdigit():
        raise StepFailed(f"IMS_SHELL_SECONDS is {seconds}, not a number of seconds")
    root = workspace() / "root"
    IMAGE.mkdir(parents=True, exist_ok=True)
    (IMAGE / "image-root").symlink_to(root)
    environment = {name: os.environ.get(name, "") for name in ("IMS_JOB_ID", "IMS_ARCH")}
    welcome = _WELCOME.format(image=IMAGE, limit=_in_words(int(seconds)))
    try:
        with serve(address, public_key, environment=environment, welcome=welcome) as server:
            say(f"{READY}{server.port} {server.fingerprint}")
            say(wait([IMAGE / name for name in _SIGNALS], int(seconds)))
    finally:
        # Whoever looked around may have mounted what a chroot needs.
        unmount_below(root)


def wait(signals: Sequence[Path], seconds: int) -> str:
    """Wait for one of the files, or until the time is up; return how it ended, in words."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for file in signals:
            if file.exists():
                return f"the shell was ended by {file}"
        time.sleep(_LOOK_SECONDS)
    return f"the shell was ended at its limit of {_in_words(seconds)}"


def _in_words(seconds: int) -> str:
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return " ".join(parts)


if __name__ == "__main__":
    end_with(run_step(shell))
