"""The retryable steps that flows are made of, one noun a module."""

# It sets what Prefect reads when it is imported.
import runs  # noqa: F401
