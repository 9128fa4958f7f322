"""A program for a pod: send POST requests at a rate, each over a connection of its own, and print what came back.

Arguments: host, port, path, requests per second, seconds, a record, and for a list of it how often it is
repeated. It prints a line when the load begins, and the result as JSON at its end. It
uses sockets, because a client library would need most of a core for 200 connections per second.
"""

import asyncio
import json
import sys
import time
from collections import Counter


async def main(host: str, port: int, request: bytes, rate: float, seconds: float) -> None:
    """Send the requests at their times, whether or not earlier ones were answered, as independent clients do."""
    outcomes, durations = Counter[str](), list[float]()
    tasks, started = set[asyncio.Task[None]](), time.monotonic()
    print("started", flush=True)
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        tasks.add(task := asyncio.create_task(send(host, port, request, outcomes, durations)))
        task.add_done_callback(tasks.discard)
    sent_in = time.monotonic() - started
    await asyncio.gather(*tasks)
    result = {"outcomes": outcomes, "rate": rate * seconds / sent_in, "slowest_seconds": max(durations)}
    print(json.dumps(result), flush=True)


async def send(host: str, port: int, request: bytes, outcomes: Counter[str], durations: list[float]) -> None:
    """Send one request, and count its status or the error that it ended with. `durations`: in seconds."""
    began = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        outcomes[answer.split(b" ", 2)[1].decode() if answer.rstrip().endswith(b"}") else "incomplete"] += 1
    except OSError as error:
        outcomes[type(error).__name__] += 1
    durations.append(time.monotonic() - began)


def post(host: str, path: str, body: str) -> bytes:
    """Return a request whose connection ends with its answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


if __name__ == "__main__":
    host, port, path, rate, seconds, record, *count = sys.argv[1:]
    body = f"[{','.join([record] * int(count[0]))}]" if count else record
    asyncio.run(main(host, int(port), post(host, path, body), float(rate), float(seconds)))
