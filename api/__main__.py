"""`python -m api [--host HOST] [--port PORT]`: serves until it is told to stop, and lets go of nothing that was begun.

At SIGTERM no new connection is taken. Whoever is connected gets an answer to what he asks within the next moments,
with the word that the connection closes after it; then what is left is closed.
"""

import argparse
import asyncio
import socket
import sys

import uvicorn

from api import journal
from api.app import create_app

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
    journal.to(sys.stdout)
    config = uvicorn.Config(
        create_app,
        factory=True,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAINED_WITHIN_SECONDS,
    )
    Server(config).run()


if __name__ == "__main__":
    main()
