"""The folders and files of an image root that programs of every user need."""

# Without these, no program of a user other than root works: the daemons of the system are such users, too.
SYSTEM_FOLDERS = (
    *("", "bin", "boot", "etc", "lib", "lib64", "sbin", "usr", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var"),
    *("usr/share", "var/lib"),
)
OTHER_FOLDERS = ("opt", "home", "mnt", "srv", "usr/local", "usr/local/bin", "usr/local/sbin", "var/cache", "var/spool")
READ_BY_ALL = (
    *("etc/group", "etc/hosts", "etc/ld.so.cache", "etc/ld.so.conf", "etc/nsswitch.conf", "etc/os-release"),
    *("etc/passwd", "etc/profile", "etc/protocols", "etc/services"),
)
