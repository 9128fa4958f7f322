"""The API over a real socket, with bodies that arrive in pieces."""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.example import EXAMPLE
from api.http_server.protocol import LimitedProtocol

ROOT = Path(__file__).parents[2]


def pieces(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes):
        yield b"{garbage" * 125_000


def test_ten_megabytes_of_garbage_get_413_with_a_content_length_or_chunked(address: str) -> None:
    with httpx.Client(base_url=address, timeout=20) as client:
        for content in (pieces(10), b"".join(pieces(10))):
            response = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
            assert response.status_code == 413
            assert "larger than 65,536 bytes" in response.json()["error"]["message"]
        assert client.post("/predict", json=EXAMPLE).status_code == 200


def test_a_client_that_disconnects_causes_no_internal_error(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.1)
    assert 'status="500"' not in httpx.get(f"{address}/metrics").text


def test_predict_answers_while_a_batch_runs(address: str) -> None:
    batch = threading.Thread(
        target=httpx.post, args=(f"{address}/predict_batch",), kwargs={"json": [EXAMPLE] * 20_000, "timeout": 60}
    )
    with httpx.Client(base_url=address, timeout=20) as client:
        client.post("/predict", json=EXAMPLE)
        batch.start()
        responses = 0
        while batch.is_alive():
            assert client.post("/predict", json=EXAMPLE).status_code == 200
            responses += 1
        batch.join()
    assert responses > 3


def test_the_curl_command_of_the_readme_gets_a_prediction_with_an_explanation(address: str) -> None:
    line = re.search(r"^curl .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    command = line[0].replace("http://127.0.0.1:8000", address)
    process = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    prediction = json.loads(process.stdout)
    assert prediction["prediction"] in (0, 1)
    assert prediction["explanation"]["contributions"]


def _exchange(address: str, requests: bytes, responses: int) -> bytes:
    """Send requests over one connection, and return as many responses."""
    host, port = address.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(requests)
        while received.count(b'"request_id"') < responses:
            received += connection.recv(65_536)
    return received


def _request(request_id: str, *headers: str) -> bytes:
    body = json.dumps(EXAMPLE)
    required = (f"Content-Length: {len(body)}", "Content-Type: application/json", f"X-Request-ID: {request_id}")
    return "\r\n".join(["POST /predict HTTP/1.1", "Host: localhost", *required, *headers, "", body]).encode()


def test_a_prediction_in_one_write_has_the_bytes_of_one_in_asgi_messages(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_at_once, write_raw = [], LimitedProtocol.write_raw

    def recorded(protocol: LimitedProtocol, scope: object, head: bytes, body: bytes) -> bool:
        written_at_once.append(write_raw(protocol, scope, head, body))
        return written_at_once[-1]

    monkeypatch.setattr(LimitedProtocol, "write_raw", recorded)
    in_one_write = _exchange(address, _request("the-same"), 1)
    in_messages = _exchange(address, _request("the-same", "Connection: close"), 1)
    assert written_at_once == [True, False]
    assert b"\r\nconnection: close\r\n" in in_messages
    date = re.compile(rb"date: [^\r]+")
    raw, asgi = (date.sub(b"date", response) for response in (in_one_write, in_messages))
    assert raw == asgi.replace(b"connection: close\r\n", b"")


def test_pipelined_predictions_are_answered_in_their_order(address: str) -> None:
    names = [f"ward-{number}" for number in range(20)]
    received = _exchange(address, b"".join(_request(name) for name in names), len(names))
    assert re.findall(rb"x-request-id: (ward-\d+)", received) == [name.encode() for name in names]
    assert received.count(b"HTTP/1.1 200 OK") == len(names)
