"""Templates of files that tools read: what is not plain data lies here, by the tool that reads it."""
