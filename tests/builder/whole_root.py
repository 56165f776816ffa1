"""A small image root that has everything an inspection wants, of any family of distributions; and ways to break it."""

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

VERSION = "6.1.0-31-amd64"
NEWER = "6.1.0-40-amd64"
LOADER = "/lib64/ld-linux-x86-64.so.2"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"


@dataclass(frozen=True)
class Choices:
    """What healthy roots differ in."""

    merged: bool = True
    named: bool = True
    beside_modules: bool = False
    systemd: bool = True
    machine_id: str | None = ""
    resolver_link: bool = True


def program(interpreter: str = LOADER) -> bytes:
    """Return the beginning of a 64-bit ELF program that names its interpreter (elf(5))."""
    name = interpreter.encode() + b"\0"
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    return header + struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(name), len(name), 1) + name


def make_root(root: Path, choices: Choices = Choices()) -> Path:
    """Make a root that is found to be well."""
    for folder in (
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "etc/ssh",
        "boot",
        "var/lib/dbus",
        "opt",
        "home",
        "srv",
    ):
        (root / folder).mkdir(parents=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).mkdir(parents=True)
        (root / folder).chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        if choices.merged:
            (root / name).symlink_to(f"usr/{name}")
        else:
            (root / name).mkdir()
    put(root, LOADER, "loader", 0o755)
    _add_init(root, choices)
    add_kernel(root, VERSION, named=choices.named, beside_modules=choices.beside_modules)
    if choices.machine_id is not None:
        put(root, "etc/machine-id", choices.machine_id)
    for name in ("passwd", "group", "nsswitch.conf", "os-release"):
        put(root, f"etc/{name}", name)
    put(root, "etc/fstab", "# nothing\ntmpfs /tmp tmpfs defaults 0 0\n/dev/sda1 /data ext4 nofail 0 2\n")
    if choices.resolver_link:
        (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    return root


def add_kernel(root: Path, version: str, *, named: bool = False, beside_modules: bool = False) -> None:
    """Add a kernel with its modules and its initrd."""
    modules = Path("lib/modules") / version
    put(root, f"{modules}/modules.dep", "")
    put(root, f"{modules}/vmlinuz" if beside_modules else f"boot/vmlinuz-{version}", version)
    put(root, f"boot/initrd.img-{version}", version)
    if named and not beside_modules:
        (root / "boot/vmlinuz").symlink_to(f"vmlinuz-{version}")
        (root / "boot/initrd").symlink_to(f"/boot/initrd.img-{version}")


def put(root: Path, name: str, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file of the root, through its own links."""
    file = root / name.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)


def _add_init(root: Path, choices: Choices) -> None:
    if choices.systemd:
        put(root, "lib/systemd/systemd", program(), 0o755)
        (root / "sbin/init").symlink_to("../lib/systemd/systemd" if not choices.merged else "/lib/systemd/systemd")
    else:
        put(root, "bin/init", "#!/bin/sh\n", 0o755)
        put(root, "bin/sh", program(), 0o755)


def _remove_init(root: Path) -> None:
    for place in ("sbin/init", "bin/init"):
        (root / place).unlink(missing_ok=True)


def _remove_modules(root: Path) -> None:
    (root / f"lib/modules/{VERSION}/modules.dep").unlink()
    put(root, "lib/modules/5.10.0-1-amd64/modules.dep", "")


def _give_anothers_initrd(root: Path) -> None:
    own = root / f"boot/initrd.img-{VERSION}"
    own.rename(own.with_name("initrd.img-5.10.0-1-amd64"))
    if (root / "boot/initrd").is_symlink():
        (root / "boot/initrd").unlink()


def _mix(root: Path) -> None:
    """Make one of the folders what the others are not: a folder, or a link into /usr."""
    one, below = root / "lib64", root / "usr/lib64"
    if one.is_symlink():
        one.unlink()
        shutil.copytree(below, one)
    else:
        below.rmdir()
        one.rename(below)
        one.symlink_to("usr/lib64")


def _replace_run(root: Path) -> None:
    for name in ("run", "var/run"):
        (root / name).mkdir(exist_ok=True)


def _chmod(place: str, mode: int) -> Callable[[Path], None]:
    return lambda root: (root / place).chmod(mode)


def _make(place: str, mode: int) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / place).mkdir(parents=True)
        (root / place).chmod(mode)

    return make


def _put(place: str, content: str) -> Callable[[Path], None]:
    return lambda root: put(root, place, content)


# What breaks a root, and the finding that says so. Each can be planted beside every other.
FAULTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "/usr merged in part": ("usr-merge", _mix),
    "/var/run is a folder": ("replaced-link", _replace_run),
    "no init": ("no-init", _remove_init),
    "no modules of the kernel": ("kernel-without-modules", _remove_modules),
    "another kernel's initrd": ("initrd-of-another-kernel", _give_anothers_initrd),
    "/ by umask 077": ("closed-folder", _chmod("", 0o700)),
    "/etc by umask 077": ("closed-folder", _chmod("etc", 0o700)),
    "/opt by umask 077": ("closed-optional-folder", _chmod("opt", 0o750)),
    "passwd by umask 077": ("closed-file", _chmod("etc/passwd", 0o600)),
    "/var for all": ("writable-system-folder", _chmod("var", 0o777)),
    "a folder for all": ("writable-folder", _make("opt/application/data", 0o777)),
    "/tmp without the sticky bit": ("writable-folder", _chmod("var/tmp", 0o777)),
    "a machine's id": ("machine-id", _put("etc/machine-id", "2f0c1bd5a4f54d2fa4a4d3e6b0a7c9d1\n")),
    "D-Bus's id": ("machine-id", _put("var/lib/dbus/machine-id", "2f0c1bd5a4f54d2fa4a4d3e6b0a7c9d1\n")),
    "a disk": ("fstab", _put("etc/fstab", "UUID=1c-2d / ext4 defaults 0 1\n")),
    "NFS without its program": ("fstab", _put("etc/fstab", "server:/home /home nfs defaults 0 0\n")),
    "host keys": ("host-keys", _put("etc/ssh/ssh_host_ed25519_key", KEY)),
    "a user's key": ("private-keys", _put("root/.ssh/id_ed25519", KEY)),
    "a server's key": ("private-keys", _put("etc/pki/tls/private/site.key", KEY)),
    "a registration": ("credentials", _put("etc/zypp/credentials.d/SCCcredentials", "username=a\npassword=b\n")),
    "a login in a repository": ("credentials", _put("etc/yum.repos.d/a.repo", "[a]\nbaseurl=https://u:p@host/a\n")),
    "a key of another name": ("private-keys", _put("home/me/.ssh/site", KEY)),
    "a key of PuTTY": ("private-keys", _put("opt/me.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n")),
    "a user's token": ("credentials", _put("home/me/.kube/config", "token: x\n")),
    "a proxy's login": ("credentials", _put("etc/environment", "http_proxy=http://u:p@proxy:3128\n")),
    "a proxy's password": ("credentials", _put("etc/dnf/dnf.conf", "[main]\nproxy_password = p\n")),
    "a resolv.conf kept aside": ("left-behind", _put("etc/.resolv.conf.of-the-image", "nameserver 192.0.2.1\n")),
}
