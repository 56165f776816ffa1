"""S3 and what lies in it: objects, models, records, deletions, what nobody needs, the embedded server."""
