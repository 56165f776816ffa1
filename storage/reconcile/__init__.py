"""What nobody needs, and to which record it belongs."""
