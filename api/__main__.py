"""`python -m api [--host HOST] [--port PORT]`: serves until it is told to stop, and lets go of nothing that was begun.

At SIGTERM no new connection is taken. Whoever is connected gets an answer to what he asks within the next moments,
with the word that the connection closes after it; then what is left is closed.
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

MOST_CONNECTIONS = 65_536
OTHER_FILES = 256
"""Open ones besides connections: at their limit the server could not even refuse another connection."""
TICKS_PER_SWEEP = 10
"""uvicorn ticks ten times a second."""
LAST_WORDS_SECONDS = 1.0
"""How long who is connected and silent may still ask: longer than a busy client is silent."""
DRAINED_WITHIN_SECONDS = 25
"""Below the 30 that Compose grants before it kills."""


class Server(uvicorn.Server):
    """uvicorn, which by itself closes a silent connection at once, even when a request is on its way over it."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_SWEEP == 0:
            own = [each for each in self.server_state.connections if isinstance(each, LimitedProtocol)]
            self._connections.sweep(own, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        deadline = asyncio.get_running_loop().time() + LAST_WORDS_SECONDS
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(prog="python -m api", description="the inference API")
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, default=8000)
    options = asked.parse_args()
    output = access_log.LogOutput()
    access_log.to(output)
    connections = Connections(ConnectionLimits(), _take_all_connections_there_may_be() - OTHER_FILES)
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
        timeout_graceful_shutdown=DRAINED_WITHIN_SECONDS,
    )
    Server(config, connections).run()


def _take_all_connections_there_may_be() -> int:
    """Each is an open file, and a shell grants no more than 1,024 where the system would let it have more; how many."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS if most == resource.RLIM_INFINITY else min(most, MOST_CONNECTIONS)
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


if __name__ == "__main__":
    main()
