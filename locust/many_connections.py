"""Connections of more than a thousand users."""

from select import POLLIN
from typing import Any

from gevent.monkey import get_original
from geventhttpclient.connectionpool import ConnectionPool

_poll = get_original("select", "poll")
"""The system's own: gevent's would look for other work first."""


def stay_open_above_1023() -> None:
    """geventhttpclient asks by select() whether an idle connection still stands, and select() knows no file above 1023.

    It takes those for dead, and each of their requests would connect anew. poll() knows them all.
    """
    ConnectionPool._is_socket_alive = _stands  # type: ignore[method-assign, assignment]


def _stands(_: ConnectionPool, sock: Any | None) -> bool:
    if sock is None or sock.fileno() < 0:
        return False
    asked = _poll()
    asked.register(sock.fileno(), POLLIN)
    # What can be read while nothing was asked is its end.
    return not asked.poll(0)
