#!/bin/sh
# Makes the folders that sysroot.mount, which dmsquash-live generates, lays over the live root.
#
# dracut 058 to 060 make them in a hook that runs after sysroot.mount: that fails in every boot ("overlayfs: failed to
# resolve '/run/overlayfs': -2"), and the hook mounts the root in its stead. Others make them earlier, and this finds
# nothing to do. Upstream: dracut pull request 2525, commit bddffedae038 (in dracut-ng 100).

command -v getarg > /dev/null || . /lib/dracut-lib.sh

# Without an overlay dmsquash-live mounts no base for it.
if [ -e /run/rootfsbase ]; then
    mkdir -m 0755 -p /run/overlayfs /run/ovlwork
    # A link leads to a persistent overlay. The late hook empties that when asked to, and now it finds the root mounted.
    if [ -h /run/overlayfs ] && getargbool 0 rd.live.overlay.reset; then
        find "$(readlink -f /run/overlayfs)" -mindepth 1 -delete
    fi
fi
