"""What a user starts: one flow a module."""
