"""What Debian's maintainer scripts would have made: RPMs of debs run none of them, so it comes as files."""

import subprocess
from pathlib import Path

from tests.rpm.tree import MERGED, Tree

_FOLDERS = (
    *("boot", "dev", "etc", "home", "media", "mnt", "opt", "proc", "run", "srv", "sys"),
    *("usr/lib32", "var/cache", "var/lib", "var/log", "etc/yum.repos.d", "etc/zypp/repos.d"),
)
_MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}
_OS_RELEASE = """\
NAME="Test distribution"
ID=testdistribution
ID_LIKE="suse fedora"
VERSION_ID="1"
PRETTY_NAME="Test distribution 1"
"""
_PAM = {
    "account": "account required pam_unix.so",
    "auth": "auth required pam_unix.so nullok",
    "password": "password required pam_unix.so yescrypt",
    "session": "session required pam_unix.so",
    "session-noninteractive": "session required pam_unix.so",
}
# Made by update-alternatives, or named as RPM distributions do: package, link, target.
_LINKS = (
    ("bash", "usr/bin/sh", "bash"),
    ("mawk", "usr/bin/awk", "mawk"),
    ("less", "usr/bin/pager", "less"),
    ("pinentry-curses", "usr/bin/pinentry", "pinentry-curses"),
    ("dnf", "usr/bin/dnf", "dnf-3"),
    ("gpg", "usr/bin/gpg2", "gpg"),
)
# systemd's packages make them; nothing in the distribution is owned by them yet.
_USERS = {"sshd": 991, "systemd-network": 990, "systemd-resolve": 989, "messagebus": 988, "systemd-timesync": 987}
_GROUPS = {"systemd-journal": 980, "input": 979, "kvm": 978, "render": 977, "sgx": 976}


def add_system_files(tree: Tree, kernel_package: str) -> None:
    """Add them all to the tree."""
    _add_folders(tree)
    _add_users(tree)
    _add_configuration(tree)
    _add_module_index(tree, kernel_package)
    for package, path, target in _LINKS:
        tree.link(package, path, target)
    # A link would be an alias, which systemctl enables by its other name only.
    units = "usr/lib/systemd/system"
    unit = (tree.root / units / "ssh.service").read_text().replace("Alias=sshd.service\n", "")
    tree.write("openssh-server", f"{units}/sshd.service", unit)


def _add_folders(tree: Tree) -> None:
    for path in _FOLDERS:
        tree.folder("base-files", path)
    for path, mode in _MODES.items():
        tree.folder("base-files", path, mode)
    for name in MERGED:
        tree.link("base-files", name, f"usr/{name}")


def _add_users(tree: Tree) -> None:
    masters = tree.root / "usr/share/base-passwd"
    users = _lines(masters / "passwd.master")
    users += [f"{name}:*:{number}:{number}::/:/usr/sbin/nologin" for name, number in _USERS.items()]
    groups = _lines(masters / "group.master")
    groups += [f"{name}:*:{number}:" for name, number in (_USERS | _GROUPS).items()]
    passwd, group = ("\n".join(lines).replace(":*:", ":x:") + "\n" for lines in (users, groups))
    tree.write("base-passwd", "etc/passwd", passwd)
    tree.write("base-passwd", "etc/group", group)
    shadow = "".join(f"{line.partition(':')[0]}:*:19000:0:99999:7:::\n" for line in users)
    gshadow = "".join(f"{line.partition(':')[0]}:*::\n" for line in groups)
    tree.write("base-passwd", "etc/shadow", shadow, 0o640)
    tree.write("base-passwd", "etc/gshadow", gshadow, 0o640)


def _add_configuration(tree: Tree) -> None:
    name_service = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n"
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n"
    tree.write("base-files", "etc/nsswitch.conf", name_service)
    tree.write("base-files", "etc/shells", "/bin/sh\n/bin/bash\n")
    tree.write("base-files", "etc/profile", path)
    tree.write("base-files", "etc/os-release", _OS_RELEASE)
    tree.write("libc-bin", "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    for name, line in _PAM.items():
        tree.write("libpam-runtime", f"etc/pam.d/common-{name}", f"{line}\n")


def _add_module_index(tree: Tree, kernel_package: str) -> None:
    version = kernel_package.removeprefix("linux-image-")
    subprocess.run(["depmod", "--basedir", str(tree.root), version], check=True)
    modules = tree.root / "usr/lib/modules" / version
    for file in sorted(modules.glob("modules.*")):
        tree.own(kernel_package, str(file.relative_to(tree.root)))
    tree.link(kernel_package, "boot/vmlinuz", f"vmlinuz-{version}")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()
