"""Moving in from the existing Image Management Service and back, and backups: records, with their ids."""
