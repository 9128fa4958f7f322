"""The data API's server with an application of a test, in a thread of this process."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ec2_api.bounded_server import create_bounded_server

STOP_SECONDS = 10.0


@contextmanager
def serving(application: Callable[..., object], tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, int]]:
    """Serve the application until the block ends, and yield the address."""
    server = create_bounded_server(application, "127.0.0.1", 0, tls)
    stopped = threading.Event()

    def run() -> None:
        # The loop ends when no socket is left.
        with suppress(OSError, ValueError):
            server.run()
        stopped.set()

    threading.Thread(target=run, daemon=True).start()
    yield server.effective_listen[0][0], int(server.effective_listen[0][1])
    server.close()
    assert stopped.wait(STOP_SECONDS)
