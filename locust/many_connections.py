"""Support for more than a thousand connections."""

from select import POLLIN
from socket import socket

from gevent.monkey import get_original
from geventhttpclient.connectionpool import ConnectionPool

_poll = get_original("select", "poll")
"""The system's poll(): gevent's would switch to other greenlets first."""


def use_poll_for_liveness() -> None:
    """Make geventhttpclient check idle connections with poll() instead of select().

    select() does not support file descriptors above 1,023: every request on such a connection would reconnect.
    """
    ConnectionPool._is_socket_alive = _is_alive  # type: ignore[method-assign, assignment]  # patches it


def _is_alive(_: ConnectionPool, sock: socket | None) -> bool:
    if sock is None or sock.fileno() < 0:
        return False
    poller = _poll()
    poller.register(sock.fileno(), POLLIN)
    # Readable without a pending request means closed.
    return not poller.poll(0)
