"""Prefect's flow runs: one client, one model of a run and its state, one follower."""

import os

# Prefect sends usage data when it is imported on a terminal. No user has agreed to that, and hosts that build images
# often have no way to the internet.
os.environ.setdefault("DO_NOT_TRACK", "1")
