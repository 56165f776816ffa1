"""The SSH server of a shell, and its orders."""
