"""Turns Debian packages into an RPM distribution of a real one's size, and signs RPM repositories.

`debs.py` and `signing.py` run on the host; the rest runs in the builder container, on the standard library alone.
"""
