"""The inspection of a finished image root: what would make the image of it broken, or unsafe."""
