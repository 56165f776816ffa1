"""Files of /etc that must not be those of one machine: machine-id, fstab, and what the build needed itself."""

from collections.abc import Iterator
from pathlib import Path

from builder.pod.inspection.file_in_root import find, text_of
from builder.pod.inspection.found import Found, listed

# What machine-id(5) wants in an image.
_NO_MACHINE = {"", "uninitialized"}
_HELPED = ("nfs", "nfs4", "cifs", "lustre", "ceph", "glusterfs", "gpfs", "beegfs")
_DEVICES = ("/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=")
# Of the kernel, wherever the image boots.
_EVERYWHERE = ("/dev/shm", "/dev/pts", "/dev/fuse", "/dev/zram")  # noqa: S108 - mount points
_POD_RESOLVER = Path("/etc/resolv.conf")


def check_machine_id(root: Path) -> Iterator[Found]:
    """Check that nodes do not all get the same machine id."""
    own = [
        place
        for place in ("etc/machine-id", "var/lib/dbus/machine-id")
        if not (root / place).is_symlink() and text_of(root, place, 64).strip() not in _NO_MACHINE
    ]
    if own:
        yield Found(
            "machine-id",
            f"{listed([f'/{place}' for place in own])} has an id, which all nodes of this image would share",
            "empty it at the end of the change: truncate --size 0 /etc/machine-id; remove /var/lib/dbus/machine-id",
        )


def check_fstab(root: Path) -> Iterator[Found]:
    """Check that /etc/fstab names only what a node has that boots this image."""
    reasons = []
    for number, line in enumerate(text_of(root, "etc/fstab").splitlines(), 1):
        fields = line.split("#", 1)[0].split() if not line.lstrip().startswith("#") else []
        if len(fields) >= 3 and (reason := _wrong(root, fields)):
            reasons.append(f"line {number}: {reason}")
    if reasons:
        yield Found(
            "fstab",
            f"/etc/fstab: {'; '.join(reasons[:5])}",
            "remove the line, give it the option nofail, or add what it needs",
        )


def check_left_behind(root: Path) -> Iterator[Found]:
    """Check that nothing of the build is left: the resolv.conf of the pod that made the root."""
    here = root / "etc/resolv.conf"
    text = text_of(root, "etc/resolv.conf")
    pods = _POD_RESOLVER.read_text(errors="replace") if _POD_RESOLVER.is_file() else ""
    left = ["/etc/resolv.conf"] if text.strip() and text == pods and not here.is_symlink() else []
    left += [f"/{place}" for place in ("etc/.resolv.conf.of-the-image", "etc/resolv.conf.kiwi") if find(root, place)]
    if left:
        yield Found(
            "left-behind",
            f"{listed(left)} is that of the pod that made the root, not the image's",
            "remove it at the end of the change, or write the image's own",
        )


def _wrong(root: Path, fields: list[str]) -> str:
    device, point, kind, *rest = fields
    options = rest[0].split(",") if rest else []
    if {"nofail", "noauto"} & {*options}:
        return ""
    if kind in _HELPED and not any(find(root, f"{folder}/mount.{kind}") for folder in ("sbin", "usr/sbin", "usr/bin")):
        return f"{point} is of type {kind}, and the image root has no mount.{kind}"
    if kind == "none" and {"bind", "rbind"} & {*options} and find(root, device.lstrip("/")) is None:
        return f"{device}, to be mounted at {point}, is not in the image root"
    if device.startswith(_DEVICES) and not device.startswith(_EVERYWHERE):
        return f"{device} for {point} is a disk, which a node has to have: its boot waits for it"
    return ""
