"""One MLflow server, spoken to in plain HTTP by the standard library alone: a process that serves stays small."""

import json
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import HTTPErrorProcessor, Request, build_opener

from readmit.core.errors import RegistryUnavailable

API, ARTIFACTS = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"
ANSWER_SECONDS, FILE_SECONDS = 10.0, 60.0
MOST_BYTES = 256 * 2**20
CHUNK_BYTES = 2**16


class ServerRefused(RegistryUnavailable):
    """The server answers, and says no. `code`: its own word for why; empty if it gives none."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class _AsItComes(HTTPErrorProcessor):
    """Every answer is one, whatever its status; nobody is followed elsewhere."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:  # noqa: ARG002 - urllib's name
        return response

    https_response = http_response


class RestClient:
    """RegistryAway, with the address: no answer in time, not a whole one, or none that can be read."""

    def __init__(self, tracking_uri: str) -> None:
        self.uri = tracking_uri.rstrip("/")
        self._opener = build_opener(_AsItComes)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """What the server says. ServerRefused: it says no."""
        return self._object(Request(f"{self.uri}{API}{path}?{urlencode(query)}"))

    def post(self, path: str, **fields: str) -> None:
        """Has the server change something. ServerRefused: it does not."""
        body, headers = json.dumps(fields).encode(), {"Content-Type": "application/json"}
        self._object(Request(f"{self.uri}{API}{path}", body, headers))

    def file(self, path: str) -> bytes:
        """A file among those that the server keeps, by its path there. ServerRefused: it does not hand it out."""
        return self._answer(Request(f"{self.uri}{ARTIFACTS}{quote(path)}"), FILE_SECONDS)

    def away(self, why: str) -> RegistryUnavailable:
        """The error that names the address."""
        return RegistryUnavailable(f"MLflow at {self.uri}: {why}")

    def _object(self, request: Request) -> dict[str, Any]:
        try:
            read = json.loads(self._answer(request, ANSWER_SECONDS))
        except ValueError as error:
            raise self.away(f"no JSON: {error}") from error
        if not isinstance(read, dict):
            raise self.away(f"a {type(read).__name__} where an object is expected")
        return read

    def _answer(self, request: Request, seconds: float) -> bytes:
        if request.type not in ("http", "https"):
            raise self.away("not an address such as http://HOST:PORT")
        until = time.monotonic() + seconds
        try:
            with self._opener.open(request, timeout=seconds) as response:
                body = self._read(response, until)
        # ValueError: an address with, say, letters for a port.
        except (OSError, HTTPException, ValueError) as error:
            raise self.away(str(error) or repr(error)) from error
        if response.status != 200:
            code, message = _reason(body)
            raise ServerRefused(f"MLflow at {self.uri}: status {response.status}: {message}", code)
        return body

    def _read(self, response: HTTPResponse, until: float) -> bytes:
        """The whole body. A server that sends a little now and then has no more time than one that sends nothing."""
        chunks, size = [], 0
        while chunk := response.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise self.away(f"more than {MOST_BYTES:,} bytes")
            if time.monotonic() > until:
                raise TimeoutError("timed out half way through an answer")
        # Only a body in chunks says by itself that it ended too early.
        if size < int(response.headers.get("Content-Length", 0)):
            raise self.away(f"an answer that ends after {size:,} bytes")
        return b"".join(chunks)


def _reason(body: bytes) -> tuple[str, str]:
    """Code and message of a refusal; the beginning of what came instead where there is none."""
    try:
        read: Mapping[str, str] = json.loads(body)
        return str(read["error_code"]), str(read["message"])
    except (ValueError, KeyError, TypeError):
        return "", repr(body[:300])
