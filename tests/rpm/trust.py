"""The commands that read trust anchors where SUSE and Red Hat keep them, in front of Debian's own."""

from tests.rpm.tree import Tree

PACKAGE = "ca-certificates"
SUSE_ANCHORS = ("usr/share/pki/trust/anchors", "etc/pki/trust/anchors")
RED_HAT_ANCHORS = ("usr/share/pki/ca-trust-source/anchors", "etc/pki/ca-trust/source/anchors")

_DEBIAN_COMMAND = "usr/sbin/update-ca-certificates"
_DEBIAN_COMMAND_MOVED = "usr/lib/ca-certificates/update-ca-certificates"
# Each command reads its own system's folders only, as the real ones do: a CA in the wrong place has to show.
_COMMAND = """\
#!/bin/sh
# Trusts what lies in FOLDERS.
set -e
trusted=/usr/local/share/ca-certificates
mkdir -p "$trusted"
rm -f "$trusted"/SYSTEM-*.crt
for anchor in ANCHORS; do
    name=${anchor##*/}
    [ ! -f "$anchor" ] || ln -sf "$anchor" "$trusted/SYSTEM-${name%.*}.crt"
done
exec /DEBIAN
"""


def add_trust_commands(tree: Tree) -> None:
    """Add `update-ca-certificates` as in SUSE and `update-ca-trust` as in Red Hat, with the folders they read."""
    authorities = tree.root / "usr/share/ca-certificates"
    names = sorted(str(file.relative_to(authorities)) for file in authorities.rglob("*.crt"))
    tree.write(PACKAGE, "etc/ca-certificates.conf", "\n".join(names) + "\n")
    tree.folder(PACKAGE, "usr/lib/ca-certificates")
    tree.move(PACKAGE, _DEBIAN_COMMAND, _DEBIAN_COMMAND_MOVED)
    for command, system, folders in (
        (_DEBIAN_COMMAND, "suse", SUSE_ANCHORS),
        ("usr/bin/update-ca-trust", "red-hat", RED_HAT_ANCHORS),
    ):
        for folder in folders:
            tree.folder(PACKAGE, folder)
        tree.write(PACKAGE, command, _script(system, folders), 0o755)


def _script(system: str, folders: tuple[str, ...]) -> str:
    text = _COMMAND.replace("SYSTEM", system).replace("DEBIAN", _DEBIAN_COMMAND_MOVED)
    anchors = " ".join(f"/{folder}/*" for folder in folders)
    return text.replace("ANCHORS", anchors).replace("FOLDERS", " and ".join(f"/{folder}" for folder in folders))
