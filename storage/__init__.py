"""S3 and what is stored there: objects, models, records, deletions, orphans, the embedded server."""
