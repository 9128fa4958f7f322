"""Wait until each HOST:PORT of the arguments accepts connections, as a Service does once one of its pods is ready."""

import socket
import sys
import time

TIMEOUT_SECONDS, POLL_SECONDS = 2.0, 1.0


def main(addresses: list[str]) -> None:
    """Wait for all addresses, one after the other."""
    for address in addresses:
        host, _, port = address.rpartition(":")
        while not accepts_connections(host, int(port)):
            print(f"waiting for {address}", flush=True)
            time.sleep(POLL_SECONDS)


def accepts_connections(host: str, port: int) -> bool:
    """Return whether a connection can be opened."""
    try:
        socket.create_connection((host, port), TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
