"""Descriptions by the dozen, read by the builder images' kiwi and by us."""
