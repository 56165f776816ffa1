"""Prefect's flow runs: one client, one model of a run and its state, one follower."""
