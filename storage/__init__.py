"""S3 and what lies in it: settings, models, key layout, object store, record store, the embedded server."""
