"""step.json: the options of a job's steps, in the context archive.

A field that this release does not know is refused: a pod must not build something else than was asked for.
"""

import json
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from builder.contract.document import Document, read_fields, refuse_unknown

# What kiwi leaves in a root for its own use, and leaves out of the images it makes itself: the list of kiwi 9.24's
# Defaults.get_exclude_list_for_root_data_sync.
LEFT_OUT = ("image", ".profile", ".kconfig", ".buildenv", "var/cache/kiwi", "run/*", "tmp/*")


# Which of several kernels is taken: the newest with modules and initrd, or only one that has the job's name.
NEWEST, NAMED = "newest", "named"


@dataclass(frozen=True)
class Squashfs:
    """How the rootfs is packed. Level 3 of zstd packs a 368 MB root in 1.8 s, to the size that gzip takes 44 s for."""

    compressor: str = "zstd"
    level: int = 3


@dataclass(frozen=True)
class KiwiOptions(Document):
    """What kiwi is told besides the description.

    Args:
        package_manager: The description's: apt, dnf, microdnf or zypper.
        profiles: kiwi profiles to build.
        site_repositories: Repositories that the description does not name.
        replace_repositories: Whether they replace the description's own.
        kiwi_options: More options of `kiwi-ng system prepare`, each one an argument of its own.
    """

    package_manager: str = ""
    profiles: tuple[str, ...] = ()
    site_repositories: tuple[dict[str, Any], ...] = ()
    replace_repositories: bool = False
    kiwi_options: tuple[str, ...] = ()

    def to_values(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return _without(super().to_values(), {"kiwi_options": []})


@dataclass(frozen=True)
class Options(Document):
    """The content of step.json; the fields of `kiwi` stand beside the others there.

    Args:
        arch: The image's architecture, x86_64 or aarch64.
        kernel_file_name: The kernel's name in /boot; empty for the architecture's own.
        initrd_file_name: The initrd's name in /boot.
        kernel_parameters_file_name: The name in /boot of a file with kernel parameters; it may be missing.
        squashfs: How the rootfs is packed.
        epoch: Seconds since 1970 that the rootfs is dated with, so that the same root gives the same bytes; 0
            dates it with today.
        left_out: What of the root the rootfs leaves out, by mksquashfs' wildcards.
        rebuild_initrd: Whether the initrd is made again also when the kernel stays the same.
        kernel_choice: Which of several kernels is taken when none has the job's name: NEWEST, or NAMED for none.
        weights: Weights of findings other than the usual ones (builder/contract/inspection.py), by their names.
        kiwi: What kiwi is told.
    """

    title: ClassVar[str] = "step.json"

    arch: str = "x86_64"
    kernel_file_name: str = ""
    initrd_file_name: str = "initrd"
    kernel_parameters_file_name: str = "kernel-parameters"
    squashfs: Squashfs = field(default_factory=Squashfs)
    epoch: int = 0
    left_out: tuple[str, ...] = LEFT_OUT
    rebuild_initrd: bool = False
    kernel_choice: str = NEWEST
    weights: dict[str, str] = field(default_factory=dict)
    kiwi: KiwiOptions | None = None

    @property
    def kernel_name(self) -> str:
        """The kernel's name in /boot, the architecture's own when the job gave none."""
        return self.kernel_file_name or ("Image" if self.arch == "aarch64" else "vmlinuz")

    def to_json(self) -> bytes:
        """Return the document as it is stored: the same options give the same bytes."""
        return json.dumps(self.to_values(), sort_keys=True).encode()

    def to_values(self) -> dict[str, Any]:
        """Return the fields as JSON has them. The context's digest depends on them: none is added without need."""
        values = _without(super().to_values(), {"left_out": list(LEFT_OUT), "kernel_choice": NEWEST, "weights": {}})
        del values["kiwi"]
        return values | (self.kiwi.to_values() if self.kiwi else {})

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Read the fields from what JSON gave."""
        own = read_fields(cls, values, "it")
        of_kiwi = {each.name for each in fields(KiwiOptions)} & set(values)
        refuse_unknown(cls, set(values) - of_kiwi, "it")
        refuse_unknown(Squashfs, values.get("squashfs", {}), "squashfs")
        options: Self = replace(own, kiwi=KiwiOptions.from_values(values) if of_kiwi else None)
        return options


def _without(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}
