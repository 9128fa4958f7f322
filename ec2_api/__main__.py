"""`python -m ec2_api`: serve the source until SIGTERM or SIGINT."""

import logging
import os
import signal
import ssl
import sys
import time
from types import FrameType

from ec2_api import settings
from ec2_api.app import create_app
from ec2_api.bounded_server import create_bounded_server
from ec2_api.errors import StartupError
from ec2_api.metrics import SourceMetrics
from ec2_api.release_log import ReleaseLog
from ec2_api.request_log import configure_request_log
from ec2_api.startup import open_source
from ec2_api.tls_connection import create_tls_context

log = logging.getLogger("ec2_api")

EXIT_STARTUP_ERROR = 2


def main() -> int:
    """Return the exit code: 0 after a signal, 2 when a setting or the data is unusable."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    configure_request_log()
    for library in ("apscheduler", "httpx", "waitress.queue"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        serve(settings.load(os.environ))
    except (StartupError, OSError) as error:
        log.error("%s", error)
        return EXIT_STARTUP_ERROR
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    log.info("stopping on %s", signal.Signals(number).name)
    raise SystemExit(0)


def serve(config: settings.SourceSettings) -> None:
    """Serve until a signal. Raises StartupError when the source can't be opened or the port is unavailable."""
    source = open_source(config, time.time)
    metrics = SourceMetrics(source.release.total, source.rows)
    release_log = ReleaseLog(source.release, metrics, time.time)
    app = create_app(source, metrics, config.allowed_hosts, config.token)
    tls = _tls_context(config)
    try:
        server = create_bounded_server(app, config.host, config.port, tls)
    # ValueError: the host has no address.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartupError(
            f"READMIT_SOURCE_HOST, READMIT_SOURCE_PORT: {config.host}:{config.port}: {reason}"
        ) from error
    release_log.tick()
    scheduler = release_log.scheduler()
    scheduler.start()
    server.print_listen(f"listening on {'http' if tls is None else 'https'}://{{}}:{{}}")
    server.run()
    scheduler.shutdown(wait=False)


def _tls_context(config: settings.SourceSettings) -> ssl.SSLContext | None:
    if config.tls_certificate is None or config.tls_key is None:
        return None
    return create_tls_context(config.tls_certificate, config.tls_key)


if __name__ == "__main__":
    sys.exit(main())
