"""kiwi: how it is called, and what it reports."""
