"""What runs inside the pods: small programs that know nothing but the Python standard library."""
