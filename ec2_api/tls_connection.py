"""TLS for the connections of waitress, which has none. Handshakes run in its loop and block no other client."""

import socket
import ssl
import threading
from pathlib import Path

from waitress.channel import HTTPChannel

from ec2_api.errors import StartupError

RECORD_BYTES = 16_384
"""Maximum bytes of a TLS record. A read of fewer would leave a part in the TLS layer, which does not wake the loop."""
WAITING = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class IncompleteRecord(Exception):
    """The rest of a TLS record has not been received yet."""


class TlsConnection(HTTPChannel):
    """A connection whose socket is an `ssl.SSLSocket` that has not yet performed its handshake."""

    def __init__(self, *args: object, **options: object) -> None:
        # The loop and the thread that writes a response may use the connection at the same time; OpenSSL forbids it.
        self._tls_lock = threading.Lock()
        self._handshaking, self._handshake_writes = True, False
        super().__init__(*args, **options)

    def readable(self) -> bool:
        """Return whether the loop waits for bytes from the client."""
        if self._handshaking and not self.will_close:
            return not self._handshake_writes
        return bool(super().readable())

    def writable(self) -> bool:
        """Return whether the loop waits until bytes can be sent to the client."""
        if self._handshaking and not self.will_close:
            return self._handshake_writes
        return bool(super().writable())

    def handle_read(self) -> None:
        """Continue the handshake, or receive a part of a request."""
        if self._handshaking:
            self._continue_handshake()
            return
        try:
            super().handle_read()
        except IncompleteRecord:
            return

    def handle_write(self) -> None:
        """Continue the handshake, or send a part of a response."""
        if self._handshaking and not self.will_close:
            self._continue_handshake()
        else:
            super().handle_write()

    def recv(self, size: int) -> bytes:
        """Return received bytes; none when the connection is closed or broken. Raises IncompleteRecord."""
        try:
            with self._tls_lock:
                data = self.socket.recv(size)
        except WAITING:
            raise IncompleteRecord from None
        except OSError:
            data = b""
        if not data:
            self.will_close = True
        return bytes(data)

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: ARG002 - waitress passes it
        """Send bytes and return how many were accepted; the loop closes a broken connection."""
        try:
            with self._tls_lock:
                return int(self.socket.send(data))
        except WAITING:
            return 0
        except OSError:
            self.will_close = True
            return 0

    def _continue_handshake(self) -> None:
        try:
            self.socket.do_handshake()
        except WAITING as awaited:
            self._handshake_writes = isinstance(awaited, ssl.SSLWantWriteError)
        except OSError:
            self.will_close = True
        else:
            self._handshaking = False


def create_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the TLS context of a server. Raises StartupError when the files are not a certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        # The empty password prevents a prompt for that of an encrypted key.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise StartupError(
            f"READMIT_SOURCE_TLS_CERTIFICATE, READMIT_SOURCE_TLS_KEY: {certificate} and {key} are not a readable "
            f"certificate and its unencrypted key: {error}"
        ) from error
    return context


def wrap_accepted(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket | None:
    """Return an accepted connection with TLS, before its handshake; None when the client has closed it already."""
    try:
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    except OSError:
        connection.close()
        return None
