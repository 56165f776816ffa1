"""What is stored, as pydantic models, and where."""
