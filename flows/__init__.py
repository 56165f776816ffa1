"""What a user starts: one flow a module."""

import os

from runs.loggers import show_progress

# Prefect sends usage data when it is imported on a terminal. No user has agreed to that, and hosts that build images
# often have no way to the internet.
os.environ.setdefault("DO_NOT_TRACK", "1")
show_progress()
