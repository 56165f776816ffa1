#!/bin/bash
# A module for dracut: the folders of the live root's overlay are made before systemd mounts it.

check() {
    # Not by itself: dracut.conf.d asks for it.
    return 255
}

depends() {
    echo dmsquash-live
}

install() {
    # Before sysroot.mount, and after the initqueue, in which dmsquash-live finds the root and a persistent overlay.
    inst_hook pre-mount 02 "$moddir/overlay-folders.sh"
}
