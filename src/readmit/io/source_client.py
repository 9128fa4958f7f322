"""Client of the data API: its state, and each batch as Parquet."""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

import httpx

from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceUnavailable

PARQUET = "application/vnd.apache.parquet"
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
UNAVAILABLE_REASONS = {404: "the batch does not exist", 425: "the batch is not released yet"}
Value = TypeVar("Value", str, int, bool)


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


def fetch_state(url: str) -> SourceState:
    """Return the state at `/health`, which has no side effects.

    Raises SourceUnavailable when the data API can't be reached, ContractViolated when the response is not as agreed.
    """
    address = f"{url.rstrip('/')}/health"
    response = _get(address)
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


def fetch_batch(url: str, batch: int) -> FetchedBatch:
    """Fetch a batch.

    Raises PrerequisiteMissing when it does not exist or is not released yet, ContractViolated when it does not match
    its ETag and X-Rows headers.
    """
    address = f"{url.rstrip('/')}/batches/{batch}"
    response = _get(address, accept=PARQUET)
    declared, rows = response.headers.get("ETag", "").strip('"'), response.headers.get("X-Rows", "")
    sha256 = hashlib.sha256(response.content).hexdigest()
    if sha256 != declared:
        raise ContractViolated(f"{address}: the SHA-256 is {sha256}, but the source declares {declared or 'none'}")
    if not rows.isdecimal():
        raise ContractViolated(f"{address}: X-Rows is {rows!r}, not a number of rows")
    return FetchedBatch(response.content, sha256, int(rows))


def _get(address: str, accept: str = "application/json") -> httpx.Response:
    try:
        response = httpx.get(address, headers={"Accept": accept}, timeout=TIMEOUT)
    # A malformed address raises InvalidURL, a malformed host name UnicodeError.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise SourceUnavailable(f"{address}: {error!r}") from error
    status = response.status_code
    if status in UNAVAILABLE_REASONS:
        raise PrerequisiteMissing(f"{address}: {UNAVAILABLE_REASONS[status]} (status {status})")
    if status != 200:
        raise SourceUnavailable(f"{address}: status {status}")
    return response
