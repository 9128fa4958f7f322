"""REST client of one MLflow server with the standard library only, to keep the serving process small."""

import json
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

from readmit.core.errors import RegistryUnavailable
from readmit.core.private_host import is_private

API_PATH, ARTIFACTS_PATH = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"
RESPONSE_TIMEOUT_SECONDS, FILE_TIMEOUT_SECONDS = 10.0, 60.0
MAX_BYTES = 256 * 2**20
CHUNK_BYTES = 2**16


class RegistryRequestRejected(RegistryUnavailable):
    """The server rejected the request. `code`: MLflow's error code; empty when the response has none."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class _RawResponses(HTTPErrorProcessor):
    """A processor that returns every response whatever its status, without following redirects."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:  # noqa: ARG002 - urllib's signature
        return response

    https_response = http_response


class RestClient:
    """A client of one server.

    Raises RegistryUnavailable, with the address, when a response does not arrive in time, is cut short or malformed.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.uri = tracking_uri.rstrip("/")
        # No proxy leads to this machine or a private network.
        self._opener = build_opener(*([ProxyHandler({})] if is_private(_host(tracking_uri)) else []), _RawResponses)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return the JSON object at a path. Raises RequestRejected when the server rejects the request."""
        return self._request_json(Request(f"{self.uri}{API_PATH}{path}?{urlencode(query)}"))

    def post(self, path: str, **fields: str) -> None:
        """Send a change to the server. Raises RequestRejected when the server rejects it."""
        body, headers = json.dumps(fields).encode(), {"Content-Type": "application/json"}
        self._request_json(Request(f"{self.uri}{API_PATH}{path}", body, headers))

    def download(self, path: str) -> bytes:
        """Download an artifact by its path. Raises RequestRejected when the server rejects the request."""
        return self._request(Request(f"{self.uri}{ARTIFACTS_PATH}{quote(path)}"), FILE_TIMEOUT_SECONDS)

    def unavailable(self, reason: str) -> RegistryUnavailable:
        """Return an error that names the address."""
        return RegistryUnavailable(f"MLflow at {self.uri}: {reason}")

    def _request_json(self, request: Request) -> dict[str, Any]:
        try:
            content = json.loads(self._request(request, RESPONSE_TIMEOUT_SECONDS))
        except ValueError as error:
            raise self.unavailable(f"the response is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise self.unavailable(f"the response is not a JSON object but a {type(content).__name__}")
        return content

    def _request(self, request: Request, seconds: float) -> bytes:
        if request.type not in ("http", "https"):
            raise self.unavailable("not an address such as http://HOST:PORT")
        deadline = time.monotonic() + seconds
        try:
            with self._opener.open(request, timeout=seconds) as response:
                body = self._read(response, deadline)
        # ValueError: the address is malformed, e.g. its port is not a number.
        except (OSError, HTTPException, ValueError) as error:
            raise self.unavailable(str(error) or repr(error)) from error
        if response.status != 200:
            code, message = _parse_error(body)
            raise RegistryRequestRejected(f"MLflow at {self.uri}: status {response.status}: {message}", code)
        return body

    def _read(self, response: HTTPResponse, deadline: float) -> bytes:
        """Return the whole body. The deadline also holds for a server that sends a few bytes now and then."""
        chunks, size = [], 0
        while chunk := response.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise self.unavailable(f"the response has more than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("timed out while reading the response")
        # http.client detects a truncated body only when it is chunked.
        if size < int(response.headers.get("Content-Length", 0)):
            raise self.unavailable(f"the response was cut off after {size:,} bytes")
        return b"".join(chunks)


def _host(address: str) -> str:
    """Return the host of an address, empty if it is malformed, which the first request reports."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _parse_error(body: bytes) -> tuple[str, str]:
    """Return the code and message of an error response; without a code the beginning of its body."""
    try:
        error: Mapping[str, str] = json.loads(body)
        return str(error["error_code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "", repr(body[:300])
