"""`python -m ec2_api`: opens the source and serves it until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
import time
from types import FrameType

from ec2_api import settings
from ec2_api.app import create_app
from ec2_api.bounded_server import create_bounded_server
from ec2_api.errors import StartupError
from ec2_api.metrics import SourceMetrics
from ec2_api.release_log import ReleaseLog
from ec2_api.startup import open_source

log = logging.getLogger("ec2_api")

REFUSED = 2


def main() -> int:
    """The exit code: 0 after a signal, 2 when a setting or the data refuses to be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for library in ("apscheduler", "httpx", "waitress.queue"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        serve(settings.load(os.environ))
    except (StartupError, OSError) as error:
        log.error("%s", error)
        return REFUSED
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    log.info("stopping on %s", signal.Signals(number).name)
    raise SystemExit(0)


def serve(chosen: settings.SourceSettings) -> None:
    """Serves until a signal. Refusal: the source can't be opened or the port can't be had."""
    opened = open_source(chosen, time.time)
    metrics = SourceMetrics(opened.release.total, opened.rows)
    announcer = ReleaseLog(opened.release, metrics, time.time)
    app = create_app(opened, metrics, chosen.allowed_hosts)
    try:
        server = create_bounded_server(app, chosen.host, chosen.port)
    except OSError as error:
        raise StartupError(f"READMIT_SOURCE_PORT: {chosen.host}:{chosen.port}: {error.strerror or error}") from error
    announcer.tick()
    scheduler = announcer.scheduler()
    scheduler.start()
    server.print_listen("listening on http://{}:{}")
    server.run()
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    sys.exit(main())
