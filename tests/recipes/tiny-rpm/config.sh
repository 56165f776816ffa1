#!/bin/sh
# Proves that the description's script ran in the root.
set -e
echo "made by config.sh" > /etc/motd
