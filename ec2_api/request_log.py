"""The log of requests: one JSON line each, without anything that a client sent."""

import json
import logging
import sys
from datetime import UTC, datetime

from ec2_api.host_check import METHODS

LOGGER = "ec2_api.requests"

log = logging.getLogger(LOGGER)


def configure_request_log() -> None:
    """Send the lines to standard error as they are, next to the other lines of this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def log_request(method: str, route: str, batch: int | None, status: int, seconds: float) -> None:
    """Log an answered request. `route`: the URL pattern; `batch`: the one that was requested, if it exists."""
    fields = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": LOGGER,
        "method": method if method in METHODS else "other",
        "route": route,
        **({} if batch is None else {"batch": batch}),
        "status": status,
        "seconds": round(seconds, 6),
    }
    log.info("%s", json.dumps(fields))
