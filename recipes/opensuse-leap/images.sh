#!/bin/bash
# Runs in the image root when kiwi is done with it: makes the initrd, /boot/vmlinuz and /boot/initrd.
set -euo pipefail

version=$(find /lib/modules/ -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort --version-sort | tail --lines 1)
# Where the kernel lies is a matter of the release: in /boot, or with its modules.
[ -e "/boot/vmlinuz-$version" ] || cp "/lib/modules/$version/vmlinuz" "/boot/vmlinuz-$version"
ln --symbolic --force "vmlinuz-$version" /boot/vmlinuz
# The kernel package may have made one already, for the machine that builds.
rm -f /boot/initrd* /boot/initramfs*
dracut --force --kver "$version" /boot/initrd
