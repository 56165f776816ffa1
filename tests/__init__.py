"""The tests mirror the tree."""

import os

# Test servers of Prefect's call nobody; set before Prefect is imported anywhere.
os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}
