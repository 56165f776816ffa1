"""Moving in from the existing Image Management Service, and back: its records, with their ids."""
