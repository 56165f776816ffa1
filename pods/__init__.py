"""Running a Pod manifest to its end, and telling how it ended."""
