"""The builder container image and the small programs that run in it (Python standard library only)."""
