"""Orphans, losses, and to which record an object belongs."""
