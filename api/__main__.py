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

from api import journal
from api.app import create_app

MOST_CONNECTIONS = 65_536
KEEP_ALIVE_SECONDS = 75
"""Longer than people think and programs pause; after uvicorn's 5 s many a connection would close under a request."""
LAST_WORDS_SECONDS = 1.0
"""How long who is connected and silent may still ask: longer than a busy client is silent."""
DRAINED_WITHIN_SECONDS = 25
"""Below the 30 that Compose grants before it kills."""


class Server(uvicorn.Server):
    """uvicorn, which by itself closes a silent connection at once, even when a request is on its way over it."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        self.server_state.default_headers.append((b"connection", b"close"))
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
    output = journal.LogOutput()
    journal.to(output)
    _take_all_connections_there_may_be()
    config = uvicorn.Config(
        partial(create_app, output=output),
        factory=True,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAINED_WITHIN_SECONDS,
    )
    Server(config).run()


def _take_all_connections_there_may_be() -> None:
    """Each is an open file, and a shell grants no more than 1,024 where the system would let it have more."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS if most == resource.RLIM_INFINITY else min(most, MOST_CONNECTIONS)
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    main()
