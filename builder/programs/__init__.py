"""What runs inside the pods: small programs, on the Python standard library alone."""
