"""Turns Debian packages into an RPM distribution of a real one's size.

`debs.py` runs on the host; the rest runs in the builder container, on the standard library alone.
"""
