"""Reads foreign input safely: recipe archives, scripts, templates, descriptions; each in a process with limits."""
