"""Turns Debian packages into an RPM distribution of a real one's size, and signs RPM repositories.

`debs.py` runs on the host; `convert.py` and what it imports run in the builder container, on the standard library alone.
"""
