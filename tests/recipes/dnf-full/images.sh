#!/bin/bash
set -e
# The newest kernel's: there may be the folder of another one.
version=$(ls /usr/lib/modules | sort --version-sort | tail -1)
dracut --force --no-hostonly --no-hostonly-cmdline --zstd --add dmsquash-live \
    --add-drivers "squashfs overlay loop virtio_blk virtio_pci" --kver "$version" "/boot/initrd-$version"
ln -sf "initrd-$version" /boot/initrd
