"""Scripts and playbooks that change an image root."""
