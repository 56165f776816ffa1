"""The libraries of the programs that pods start."""
