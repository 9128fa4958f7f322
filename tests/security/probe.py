"""`python -m tests.security.probe PORT`: send requests to /predict until stdin closes, then print the results."""

import json
import select
import socket
import sys
import time
from collections import Counter
from pathlib import Path

BODY = Path("api/example.json").read_bytes()
PAUSE_SECONDS = 0.002


def main() -> None:
    request = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(BODY)
        + BODY
    )
    statuses: Counter[str] = Counter()
    milliseconds: list[float] = []
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            started_at = time.perf_counter()
            connection.sendall(request)
            response = connection.recv(65_536)
            while response and not response.endswith(b"}"):
                response += connection.recv(65_536)
            milliseconds.append(1000 * (time.perf_counter() - started_at))
            statuses[response[9:12].decode()] += 1
    ordered = sorted(milliseconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(json.dumps({"statuses": statuses, "p50": p50, "p99": p99}))


if __name__ == "__main__":
    main()
