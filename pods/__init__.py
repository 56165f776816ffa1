"""Running a Pod manifest to its end, and reporting how it ended."""
