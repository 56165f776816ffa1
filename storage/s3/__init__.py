"""Objects, and how they are moved: knows nothing of records."""
