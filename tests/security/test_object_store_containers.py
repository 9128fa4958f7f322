"""The S3 server on the stores' network: only signed S3 requests work."""

import json
from typing import Any

import pytest

from tests.e2e.containers import Stack

pytestmark = pytest.mark.e2e

ATTACK = r"""
import http.client, json, socket, ssl

HOST, S3, METRICS = "s3", 8333, 9327
LIST = b"GET /buckets/?pretty=y HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def read_response(port, request, tls):
    try:
        with socket.create_connection((HOST, port), timeout=3) as plain:
            context = ssl._create_unverified_context()
            context.set_alpn_protocols(["h2"])
            connection = context.wrap_socket(plain) if tls else plain
            connection.sendall(request)
            return connection.recv(4096).decode("latin-1")
    except OSError:
        return ""


def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def unsigned(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(HOST, S3, timeout=10)
    connection.request(method, path, body, headers)
    return connection.getresponse().status


ports = [port for port in range(1, 65536) if is_open(port)]
inner = [port for port in ports if port not in (S3, METRICS)]
attempts = [(request, tls) for request in (LIST, PREFACE) for tls in (False, True)]
print(json.dumps({
    "open": ports,
    "inner": {port: [read_response(port, *attempt) for attempt in attempts] for port in inner},
    "s3": [
        unsigned("GET", "/"), unsigned("GET", "/mlflow"), unsigned("PUT", "/mlflow/evil", "x"),
        unsigned("DELETE", "/mlflow"), unsigned("POST", "/", "Action=ListUsers"),
        unsigned("POST", "/mlflow?delete", "<Delete/>", Origin="https://evil.example"),
    ],
}))
"""


@pytest.fixture(scope="module")
def scan(containers: Stack) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(containers.run_one_off(ATTACK).splitlines()[-1])
    return result


@pytest.mark.attack("unsigned request", "s3")
def test_no_inner_port_serves_requests_on_the_network_of_the_stores(scan: dict[str, Any]) -> None:
    assert {8333, 9327} < set(scan["open"])
    assert scan["inner"]
    for port, responses in scan["inner"].items():
        # A TLS server responds to plain HTTP with 400 only.
        assert all(not response or response.startswith("HTTP/1.0 400 Bad Request") for response in responses), (
            port,
            responses,
        )


@pytest.mark.attack("unsigned request", "s3")
def test_s3_rejects_an_unsigned_request_on_the_network_of_the_stores(scan: dict[str, Any]) -> None:
    assert set(scan["s3"]) <= {400, 403, 405}
