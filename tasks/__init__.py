"""The retryable steps that flows are made of, one noun a module."""
