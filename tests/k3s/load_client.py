"""A program for a pod: send predictions at a rate, each over a connection of its own, and print what came back as JSON.

Arguments: address, path, requests per second, seconds. It prints a line when the load begins.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import httpx


async def main(address: str, path: str, rate: float, seconds: float, body: str) -> None:
    """Send the requests at their times, whether or not earlier ones were answered, as independent clients do."""
    outcomes, tasks, started = Counter[str](), set[asyncio.Task[None]](), time.monotonic()
    print("started", flush=True)
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, timeout=30.0, limits=limits, trust_env=False) as client:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            tasks.add(task := asyncio.create_task(send(client, path, body, outcomes)))
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    lasted = time.monotonic() - started
    print(json.dumps({"outcomes": outcomes, "rate": sum(outcomes.values()) / lasted}), flush=True)


async def send(client: httpx.AsyncClient, path: str, body: str, outcomes: Counter[str]) -> None:
    """Send one request and count its status, or the error that it ended with."""
    try:
        response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
        outcomes[str(response.status_code)] += 1
    except httpx.TransportError as error:
        outcomes[type(error).__name__] += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
