"""The defaults of a job's fields."""

BUILD_ENV_SIZE = 60
JOB_MEM_SIZE = 8
# The kernel's name in /boot, by architecture.
KERNEL_FILE_NAMES = {"x86_64": "vmlinuz", "aarch64": "Image"}
INITRD_FILE_NAME = "initrd"
KERNEL_PARAMETERS_FILE_NAME = "kernel-parameters"
