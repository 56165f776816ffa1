"""An image root: mounts, chroot, kernel, initrd, trust."""
