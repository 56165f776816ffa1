#!/bin/bash
# Runs in the image root, once the packages are installed and the files below root/ are in place.
set -euo pipefail

systemctl set-default multi-user.target
systemctl enable ims-boot-test.service NetworkManager.service sshd.service
# Made when the image boots: the same keys and machine id in every node would be no keys and no id.
rm -f /etc/ssh/ssh_host_* /etc/hostname
: > /etc/machine-id

# Not needed on a node.
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /var/cache/zypp/*
