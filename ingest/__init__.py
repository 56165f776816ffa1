"""What comes from outside, made safe: recipe archives, templates, descriptions; each in a process with limits."""
