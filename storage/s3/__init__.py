"""Objects in S3: reading, writing, copying, listing. Records are not known here."""
