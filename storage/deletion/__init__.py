"""The states of a deletion, and what an image holds."""
