"""The servers that `ims up` and `ims worker` start, and what their logs say."""
