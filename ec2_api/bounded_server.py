"""A waitress server that bounds the bytes, time and connections of each client.

Waitress alone closes an idle connection after two minutes, never closes one whose client does not read, and accepts
none beyond its limit: a hundred half-sent requests block it. Here the busiest client's oldest connection is closed.
"""

import json
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

from ec2_api.security_headers import SECURITY_HEADERS
from ec2_api.tls_connection import RECORD_BYTES, TlsConnection, wrap_accepted

THREADS = 4
MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 1024
REQUEST_TIMEOUT_SECONDS = 10
"""From the first byte of a request to its last, and from the connection, TLS handshake included, to the first byte."""
STALL_TIMEOUT_SECONDS = 30
"""Maximum pause of a client that reads a response."""
RESPONSE_TIMEOUT_SECONDS = 300
"""Maximum time to read a response: 20 MB at 70 KB/s."""
KEEP_ALIVE_TIMEOUT_SECONDS = 60
MAX_CONNECTIONS = 256
MAX_CONNECTIONS_PER_CLIENT = 64
SEND_BUFFER_BYTES = 256 * 1024
"""Response bytes that the kernel buffers per client; by default it takes megabytes."""


class JsonErrorTask(ErrorTask):
    """An error raised by waitress itself, in the format of the application's errors."""

    def execute(self) -> None:
        """Write the response, without the error's own text: it repeats client input."""
        error = self.request.error
        body = json.dumps({"error": error.reason}).encode() + b"\n"
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *SECURITY_HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        # Waitress has not read the command of every request that it rejects.
        self.write(b"" if getattr(self.request, "command", "") == "HEAD" else body)


class BoundedChannel(HTTPChannel):
    """A connection that records when its request or its response began."""

    error_task_class = JsonErrorTask

    def __init__(self, *args: object, **options: object) -> None:
        self._request_started_at: float | None = time.time()
        self._response_started_at = 0.0
        super().__init__(*args, **options)

    def received(self, data: bytes) -> bool:
        """Process received bytes of a request."""
        if self._request_started_at is None:
            self._request_started_at = time.time()
        return bool(super().received(data))

    def service(self) -> None:
        """Serve one request and close the connection if more were pipelined.

        Otherwise a thread would wait until a slow client has read the previous response.
        """
        self._request_started_at, self._response_started_at = None, time.time()
        with self.requests_lock:
            for pipelined in self.requests[1:]:
                pipelined.close()
                self.requests[0].headers["CONNECTION"] = "close"
            del self.requests[1:]
        super().service()

    @property
    def since(self) -> float:
        """Start of the client's current request, response or idle time, in epoch seconds."""
        if self._request_started_at is not None:
            return self._request_started_at
        return self._response_started_at if self.total_outbufs_len else float(self.last_activity)

    def is_expired(self, now: float) -> bool:
        """Return whether the client has exceeded its time. A request in progress has no limit."""
        if self.requests:
            return False
        if self.total_outbufs_len:
            return now - self.since > RESPONSE_TIMEOUT_SECONDS or now - self.last_activity > STALL_TIMEOUT_SECONDS
        return now - self.since > (
            KEEP_ALIVE_TIMEOUT_SECONDS if self._request_started_at is None else REQUEST_TIMEOUT_SECONDS
        )

    def abort(self) -> None:
        """Close the connection in the next loop iteration, even if the client does not read."""
        self.will_close = True
        # The flag alone waits until the socket is writable, which a client that does not read prevents.
        with suppress(OSError):
            # Not `SSLSocket.shutdown`, after which a thread that still writes would send plain text.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class BoundedTlsChannel(TlsConnection, BoundedChannel):
    """A connection with TLS, under the same limits."""


class BoundedServer(TcpWSGIServer):
    """One listening socket; with TLS if there is a context."""

    def __init__(self, *args: object, tls: ssl.SSLContext | None, **options: object) -> None:
        self._tls = tls
        self.channel_class = BoundedChannel if tls is None else BoundedTlsChannel
        super().__init__(*args, **options)

    def accept(self) -> tuple[socket.socket, object] | None:
        """Return a connection, under TLS before its handshake, and the client's address; None if it is closed."""
        accepted: tuple[socket.socket, object] | None = super().accept()
        if accepted is None or self._tls is None:
            return accepted
        wrapped = wrap_accepted(accepted[0], self._tls)
        return None if wrapped is None else (wrapped, accepted[1])

    def handle_accept(self) -> None:
        """Accept a connection; beyond the limits, close the busiest client's oldest one."""
        super().handle_accept()
        channels = self._channels()
        clients = Counter(channel.addr[0] for channel in channels)
        for client, count in clients.most_common(1):
            if count > MAX_CONNECTIONS_PER_CLIENT or len(channels) > MAX_CONNECTIONS:
                idle = [channel for channel in channels if channel.addr[0] == client and not channel.requests]
                min(idle, key=lambda channel: channel.since).abort()

    def maintenance(self, now: float) -> None:
        """Close expired connections."""
        for channel in self._channels():
            if channel.is_expired(now):
                channel.abort()

    def set_socket_options(self, conn: socket.socket) -> None:
        """Bound the kernel's send buffer."""
        super().set_socket_options(conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def _channels(self) -> list[BoundedChannel]:
        return [item for item in self._map.values() if isinstance(item, BoundedChannel) and not item.will_close]


def create_bounded_server(
    application: Callable[..., object], host: str, port: int, tls: ssl.SSLContext | None = None
) -> MultiSocketServer:
    """Return a server that listens on every address of the host, with TLS if there is a context.

    Raises OSError when it can't listen.
    """
    options = Adjustments(
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        # Waitress rejects sizes equal to its limits, too.
        max_request_header_size=MAX_HEAD_BYTES + 1,
        max_request_body_size=MAX_BODY_BYTES + 1,
        # Only a backstop: the server closes connections before this limit.
        connection_limit=2 * MAX_CONNECTIONS,
        cleanup_interval=1,
        # select() does not support file descriptors above 1,023.
        asyncore_use_poll=True,
        recv_bytes=RECORD_BYTES,
        url_scheme="http" if tls is None else "https",
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(options.threads)
    sockets: dict[int, object] = {}
    servers = [
        BoundedServer(application, sockets, dispatcher=dispatcher, adj=options, sockinfo=address, tls=tls)
        for address in options.listen
    ]
    listening = [(server.effective_host, server.effective_port) for server in servers]
    return MultiSocketServer(sockets, options, listening, dispatcher, servers[0].log_info)
