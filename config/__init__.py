"""What the site and the operator say: settings and the site file."""
