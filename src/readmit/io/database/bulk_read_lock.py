"""The lock between the connections of this process and its bulk reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BulkReadLock:
    """Let any number of threads hold connections, or a single thread read in bulk."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._connections = 0
        self._bulk_reader: int | None = None

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Hold a connection. Waits while another thread reads in bulk."""
        thread = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._bulk_reader in (None, thread))
            self._connections += 1
        try:
            yield
        finally:
            with self._changed:
                self._connections -= 1
                self._changed.notify_all()

    @contextmanager
    def bulk_read(self) -> Iterator[None]:
        """Read in bulk. Waits for all connections to be closed: the caller must hold none itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._bulk_reader is None and not self._connections)
            self._bulk_reader = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._bulk_reader = None
                self._changed.notify_all()
