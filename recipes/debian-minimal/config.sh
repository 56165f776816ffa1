#!/bin/bash
# Runs in the image root, once the packages are installed and the files below root/ are in place.
set -euo pipefail

systemctl enable ims-boot-test.service ssh-host-keys.service systemd-networkd.service
# Made when the image boots: the same keys and machine id in every node would be no keys and no id.
rm -f /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id
: > /etc/machine-id

kernel=$(basename /boot/vmlinuz-*)
version=${kernel#vmlinuz-}
dracut --force --kver "$version" /boot/initrd
ln -s "$kernel" /boot/vmlinuz

# Not needed on a node, and 60 MB.
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/*
apt-get clean
rm -rf /var/lib/apt/lists/*
