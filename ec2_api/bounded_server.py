"""A waitress server that bounds what a client can hold: bytes, seconds and connections.

Waitress alone closes a silent connection after two minutes, never one whose client reads nothing, and accepts none
beyond its limit: a hundred half-sent requests block it. Here the oldest connection of the busiest client makes room.
"""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

from ec2_api.security_headers import SECURITY_HEADERS

THREADS = 4
LARGEST_HEAD = 32 * 1024
LARGEST_BODY = 64 * 1024
REQUEST_SECONDS = 10
"""From the first byte of a request to its last; a connection has as long to send its first byte."""
STALLED_SECONDS = 30
"""The longest pause of a client that reads an answer."""
ANSWER_SECONDS = 300
"""The longest that a client may take to read an answer: 20 MB at 70 KB/s."""
KEEP_ALIVE_SECONDS = 60
CONNECTIONS = 256
CONNECTIONS_PER_CLIENT = 64
SEND_BUFFER = 256 * 1024
"""Bytes of an answer that the kernel holds for a client: by itself it would take megabytes for each."""


class JsonErrorTask(ErrorTask):
    """An error that waitress itself answers, in the form of the application's errors."""

    def execute(self) -> None:
        """Write the answer. The error's own text is left out: it repeats what the client sent."""
        error = self.request.error
        body = json.dumps({"error": error.reason}).encode() + b"\n"
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *SECURITY_HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class BoundedChannel(HTTPChannel):
    """A connection that knows since when it has been sending its request or reading its answer."""

    error_task_class = JsonErrorTask

    def __init__(self, *args: object, **options: object) -> None:
        self._request_began: float | None = time.time()
        self._answer_began = 0.0
        super().__init__(*args, **options)

    def received(self, data: bytes) -> bool:
        """Take bytes of a request."""
        if self._request_began is None:
            self._request_began = time.time()
        return bool(super().received(data))

    def service(self) -> None:
        """Answer one request and close the connection if more were sent with it.

        Answering them in turn would make a thread wait until a slow client has read the answer before.
        """
        self._request_began, self._answer_began = None, time.time()
        with self.requests_lock:
            for pipelined in self.requests[1:]:
                pipelined.close()
                self.requests[0].headers["CONNECTION"] = "close"
            del self.requests[1:]
        super().service()

    @property
    def since(self) -> float:
        """When the client's current request, answer or silence began, in epoch seconds."""
        if self._request_began is not None:
            return self._request_began
        return self._answer_began if self.total_outbufs_len else float(self.last_activity)

    def is_expired(self, now: float) -> bool:
        """Return whether the client has used up its time. A request that is being answered has no limit."""
        if self.requests:
            return False
        if self.total_outbufs_len:
            return now - self.since > ANSWER_SECONDS or now - self.last_activity > STALLED_SECONDS
        return now - self.since > (KEEP_ALIVE_SECONDS if self._request_began is None else REQUEST_SECONDS)

    def abort(self) -> None:
        """Close the connection in the next round of the loop, even if its client reads nothing."""
        self.will_close = True
        # A closed mark alone waits until the socket can be written to, which a client that does not read prevents.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class BoundedServer(TcpWSGIServer):
    """One listening socket."""

    channel_class = BoundedChannel

    def handle_accept(self) -> None:
        """Accept a connection; beyond the limits the busiest client's oldest one is closed for it."""
        super().handle_accept()
        channels = self._channels()
        clients = Counter(channel.addr[0] for channel in channels)
        for client, count in clients.most_common(1):
            if count > CONNECTIONS_PER_CLIENT or len(channels) > CONNECTIONS:
                waiting = [channel for channel in channels if channel.addr[0] == client and not channel.requests]
                min(waiting, key=lambda channel: channel.since).abort()

    def maintenance(self, now: float) -> None:
        """Close the connections whose time is over."""
        for channel in self._channels():
            if channel.is_expired(now):
                channel.abort()

    def set_socket_options(self, conn: socket.socket) -> None:
        """Bound what the kernel buffers for a connection."""
        super().set_socket_options(conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def _channels(self) -> list[BoundedChannel]:
        return [each for each in self._map.values() if isinstance(each, BoundedChannel) and not each.will_close]


def create_bounded_server(application: Callable[..., object], host: str, port: int) -> MultiSocketServer:
    """Return a server that listens on every address of the host. Raises OSError when it cannot."""
    options = Adjustments(
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        # Waitress refuses what reaches its limits, not only what exceeds them.
        max_request_header_size=LARGEST_HEAD + 1,
        max_request_body_size=LARGEST_BODY + 1,
        # Only a backstop: the server makes room before it is reached.
        connection_limit=2 * CONNECTIONS,
        cleanup_interval=1,
        # select() takes no file descriptor above 1,023.
        asyncore_use_poll=True,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(options.threads)
    sockets: dict[int, object] = {}
    servers = [
        BoundedServer(application, sockets, dispatcher=dispatcher, adj=options, sockinfo=address)
        for address in options.listen
    ]
    listening = [(server.effective_host, server.effective_port) for server in servers]
    return MultiSocketServer(sockets, options, listening, dispatcher, servers[0].log_info)
