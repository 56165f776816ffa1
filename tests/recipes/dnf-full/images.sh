#!/bin/bash
set -e
# The newest kernel's: there may be the folder of another one.
version=$(ls /usr/lib/modules | sort --version-sort | tail -1)
# dracut's own choice is level 15: 12 s more for 2 MB less.
dracut --force --no-hostonly --no-hostonly-cmdline --compress "zstd -3" --add dmsquash-live \
    --add-drivers "squashfs overlay loop virtio_blk virtio_pci" --kver "$version" "/boot/initrd-$version"
ln -sf "initrd-$version" /boot/initrd
