"""How uvicorn serves the API: its limits, its log and its TLS."""

import logging
from typing import Any

from api.connections import Connection
from api.tls import make_context
from config.api import Api

# An idle connection costs a file, and one that is used again costs a client nothing.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048
# What is answered when the service is stopped: longer than a deletion of usual size takes.
STOP_SECONDS = 30

# As the log of Prefect's servers, which `ims up` reads; the access log is JSON alone (access_log.py).
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s.%(msecs)03d | %(levelname)-7s | %(name)s - %(message)s", "datefmt": "%H:%M:%S"},
        "bare": {"format": "%(message)s"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "access": {"class": "logging.StreamHandler", "formatter": "bare"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # Prefect sets the root logger's level, too.
    "loggers": {
        "api": {"level": "INFO"},
        "api.access_log": {"level": "INFO", "handlers": ["access"], "propagate": False},
    },
}


def options_of(chosen: Api) -> dict[str, Any]:
    """Return the options for what the settings say."""
    return {
        "factory": True,
        "http": Connection,
        # There is nothing to speak it to.
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "log_config": LOGGING,
        "log_level": logging.INFO,
        "backlog": BACKLOG,
        # One more is answered 503.
        "limit_concurrency": chosen.connections,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }


def tls_options_of(chosen: Api) -> dict[str, Any]:
    """Return the options of TLS, if the settings have a certificate."""
    return {"ssl_context_factory": make_context} if chosen.tls_certificate else {}
