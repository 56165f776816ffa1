"""The rootfs of an image, as it comes from S3."""
