"""Client of the data API: its state, and each batch as Parquet."""

import hashlib
import ssl
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceAccessDenied, SourceUnavailable
from readmit.core.private_host import is_private

PARQUET = "application/vnd.apache.parquet"
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
UNAVAILABLE_REASONS = {404: "the batch does not exist", 425: "the batch is not released yet"}
Value = TypeVar("Value", str, int, bool)


@dataclass(frozen=True, slots=True)
class SourceEndpoint:
    """Where the data API is, and how to access it. `token`: for batches; `tls`: None: the CAs of the system.

    `server_name`: the host of its certificate and of requests to it, if the address has another one.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of the data API. `kind`: uci, file or sample; `batches` exist, `released` can be fetched."""

    kind: str
    rows: int
    batches: int
    released: int
    exhausted: bool


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A batch as Parquet with text columns, checked against the headers of the response."""

    content: bytes
    sha256: str
    rows: int


def fetch_state(source: SourceEndpoint) -> SourceState:
    """Return the state at `/health`, which has no side effects.

    Raises SourceUnavailable when the data API can't be reached, ContractViolated when the response is not as agreed.
    """
    address = f"{source.url.rstrip('/')}/health"
    response = _get(source, address, {"Accept": "application/json"})
    try:
        body = response.json()
    except ValueError:
        # The body is not shown: if the address is wrong, it may hold rows.
        raise ContractViolated(f"{address}: the response is not JSON ({len(response.content):,} bytes)") from None
    if not isinstance(body, dict):
        raise ContractViolated(f"{address}: the response is not a JSON object ({len(response.content):,} bytes)")
    try:
        return SourceState(
            kind=_typed_field(body, "source", str),
            rows=_typed_field(body, "rows", int),
            batches=_typed_field(body, "batches", int),
            released=_typed_field(body, "released", int),
            exhausted=_typed_field(body, "exhausted", bool),
        )
    except ValueError as error:
        raise ContractViolated(f"{address}: {error}") from error


def _typed_field(body: dict[str, object], name: str, kind: type[Value]) -> Value:
    """Return a field of the response, of exactly the type `kind`: in Python a bool is an int, too."""
    value = body.get(name)
    if not isinstance(value, kind) or type(value) is not kind:
        raise ValueError(f"{name} is not {kind.__name__}")
    return value


def fetch_batch(source: SourceEndpoint, batch: int) -> FetchedBatch:
    """Fetch a batch.

    Raises PrerequisiteMissing when it does not exist or is not released yet, SourceAccessDenied when the token is
    missing or wrong, and ContractViolated when the batch does not match its ETag and X-Rows headers.
    """
    address = f"{source.url.rstrip('/')}/batches/{batch}"
    authorization = {} if source.token is None else {"Authorization": f"Bearer {source.token}"}
    response = _get(source, address, {"Accept": PARQUET, **authorization})
    declared, rows = response.headers.get("ETag", "").strip('"'), response.headers.get("X-Rows", "")
    sha256 = hashlib.sha256(response.content).hexdigest()
    if sha256 != declared:
        raise ContractViolated(f"{address}: the SHA-256 is {sha256}, but the source declares {declared or 'none'}")
    if not rows.isdecimal():
        raise ContractViolated(f"{address}: X-Rows is {rows!r}, not a number of rows")
    return FetchedBatch(response.content, sha256, int(rows))


def _get(source: SourceEndpoint, address: str, headers: dict[str, str]) -> httpx.Response:
    try:
        verify = source.tls or ssl.create_default_context()
        with httpx.Client(verify=verify, timeout=TIMEOUT, trust_env=_is_outside(address)) as client:
            request = client.build_request("GET", address, headers=headers)
            if source.server_name is not None:
                request.headers["Host"] = f"{source.server_name}:{request.url.port or 443}"
                request.extensions["sni_hostname"] = source.server_name
            response = client.send(request)
    # A malformed address raises InvalidURL, a malformed host name UnicodeError.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise SourceUnavailable(f"{address}: {error!r}{_tls_advice(error)}") from error
    except (ImportError, OSError, ValueError) as error:
        # The text may have the password of the proxy.
        raise SourceUnavailable(
            f"{address}: the proxy or certificate file in this environment can't be used ({type(error).__name__}): "
            "correct or unset HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
        ) from None
    status = response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        raise SourceAccessDenied(
            f"{address}: the data API requires {'another' if source.token else 'a'} token: set READMIT_SOURCE_TOKEN to "
            "that of the data API"
        )
    if status in UNAVAILABLE_REASONS:
        raise PrerequisiteMissing(f"{address}: {UNAVAILABLE_REASONS[status]} (status {status})")
    if status != 200:
        raise SourceUnavailable(f"{address}: status {status}")
    return response


def _is_outside(address: str) -> bool:
    """Return whether a proxy may lead to an address: none leads to this machine or a private network."""
    return not is_private(urlsplit(address).hostname or "")


def _tls_advice(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return ""
    return ": set READMIT_SOURCE_CA to the CA certificate, or the self-signed certificate, of the data API"
