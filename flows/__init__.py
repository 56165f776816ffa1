"""What a user starts: one flow a module."""

from runs.loggers import show_progress

show_progress()
