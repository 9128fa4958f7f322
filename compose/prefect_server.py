"""Serve Prefect's API and page with Host and Origin checks and security headers, which Prefect lacks.

Prefect's own login (PREFECT_SERVER_API_AUTH_STRING) guards every route of the API and every WebSocket.
"""

import sys

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from readmit.cross_site_guard import LOCAL_ADVICE, LOCAL_HOSTS, CrossSiteGuard

HOSTS = ("prefect", *LOCAL_HOSTS)
PROBES = ("/api/health", "/api/ready")


def main() -> None:
    """Run the server until it is stopped."""
    settings = get_current_settings().server
    # A profile file that cannot be read would otherwise leave the server without a login.
    if settings.api.auth_string is None or not settings.api.auth_string.get_secret_value():
        sys.exit("PREFECT_SERVER_API_AUTH_STRING is not set: add it to the file that PREFECT_PROFILES_PATH names")
    uvicorn.run(
        CrossSiteGuard(
            create_app(final=True), HOSTS, PROBES, LOCAL_ADVICE, settings.api.cors_allowed_origins.split(",")
        ),
        host=settings.api.host,
        port=settings.api.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main()
