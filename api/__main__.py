"""`python -m api [--host HOST] [--port PORT]`: serve until stopped, then shut down without dropping a request.

At SIGTERM the server accepts no new connections. Open connections have a grace period in which their requests are
answered with `Connection: close`; the remaining ones are closed after it.
"""

import argparse
import asyncio
import resource
import socket
from functools import partial

import uvicorn

from api import access_log
from api.app import create_app
from api.http_server.connections import Connections
from api.http_server.limits import ConnectionLimits
from api.http_server.protocol import LimitedProtocol

MAX_CONNECTIONS = 65_536
RESERVED_FILES = 256
"""File descriptors kept for everything but connections: without them the server could not even reject one."""
TICKS_PER_SWEEP = 10
"""uvicorn ticks ten times per second, so a sweep runs once per second."""
SHUTDOWN_GRACE_SECONDS = 1.0
"""How long an idle connection may still send a request: longer than a busy client pauses between two."""
DRAIN_TIMEOUT_SECONDS = 25
"""Below the 30 seconds after which Compose kills a container."""


class Server(uvicorn.Server):
    """uvicorn with a grace period: on its own it closes idle connections at once, even with a request in flight."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def on_tick(self, counter: int) -> bool:
        """Sweep the connections once per second."""
        if counter % TICKS_PER_SWEEP == 0:
            limited = [item for item in self.server_state.connections if isinstance(item, LimitedProtocol)]
            self._connections.sweep(limited, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, wait for the open ones during the grace period, then close them."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        deadline = asyncio.get_running_loop().time() + SHUTDOWN_GRACE_SECONDS
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the inference API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    output = access_log.LogOutput()
    access_log.configure_logging(output)
    connections = Connections(ConnectionLimits(), _raise_open_file_limit() - RESERVED_FILES)
    config = uvicorn.Config(
        partial(create_app, output=output),
        factory=True,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=partial(LimitedProtocol, connections=connections),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_TIMEOUT_SECONDS,
    )
    Server(config, connections).run()


def _raise_open_file_limit() -> int:
    """Raise the soft limit of open files, often 1,024 in a shell, towards MAX_CONNECTIONS; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, MAX_CONNECTIONS)
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


if __name__ == "__main__":
    main()
