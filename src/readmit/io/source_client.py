"""The data API: which batches it has released, and each batch as Parquet."""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

import httpx

from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceUnavailable

PARQUET = "application/vnd.apache.parquet"
PATIENCE = httpx.Timeout(60.0, connect=5.0)
NOT_THERE = {404: "there is no such batch", 425: "the batch is not released yet"}
Value = TypeVar("Value", str, int, bool)


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the data API says about itself. `kind`: uci, file or sample."""

    kind: str
    rows: int
    batches: int
    released: int
    exhausted: bool


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A batch as Parquet, all text, checked against what the source declares of it."""

    content: bytes
    sha256: str
    rows: int


def state(url: str) -> SourceState:
    """Asks `/health`; moves nothing. SourceAway: no answer. ContractBroken: not the answer that was agreed."""
    address = f"{url.rstrip('/')}/health"
    answer = _get(address)
    try:
        told = answer.json()
    except ValueError:
        # What came is not shown: under a wrong address it may be rows.
        raise ContractViolated(f"{address}: the answer is not JSON ({len(answer.content):,} bytes)") from None
    if not isinstance(told, dict):
        raise ContractViolated(f"{address}: the answer is not a JSON object ({len(answer.content):,} bytes)")
    try:
        return SourceState(
            kind=_agreed(told, "source", str),
            rows=_agreed(told, "rows", int),
            batches=_agreed(told, "batches", int),
            released=_agreed(told, "released", int),
            exhausted=_agreed(told, "exhausted", bool),
        )
    except ValueError as error:
        raise ContractViolated(f"{address}: {error}") from error


def _agreed(told: dict[str, object], name: str, kind: type[Value]) -> Value:
    """One value of the answer. By exact type: in Python `true` is a whole number, too."""
    value = told.get(name)
    if not isinstance(value, kind) or type(value) is not kind:
        raise ValueError(f"{name} is not {kind.__name__}")
    return value


def fetch(url: str, batch: int) -> FetchedBatch:
    """One batch. NotThereYet: unknown or not yet released. ContractBroken: not what ETag and X-Rows declare."""
    address = f"{url.rstrip('/')}/batches/{batch}"
    answer = _get(address, accept=PARQUET)
    declared, rows = answer.headers.get("ETag", "").strip('"'), answer.headers.get("X-Rows", "")
    sha256 = hashlib.sha256(answer.content).hexdigest()
    if sha256 != declared:
        raise ContractViolated(f"{address}: SHA-256 is {sha256}, declared is {declared or 'none'}")
    if not rows.isdecimal():
        raise ContractViolated(f"{address}: X-Rows is {rows!r}, not a number of rows")
    return FetchedBatch(answer.content, sha256, int(rows))


def _get(address: str, accept: str = "application/json") -> httpx.Response:
    try:
        answer = httpx.get(address, headers={"Accept": accept}, timeout=PATIENCE)
    # An address that can't be one ends in InvalidURL or, where its name can't, in UnicodeError.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise SourceUnavailable(f"{address}: {error!r}") from error
    if answer.status_code in NOT_THERE:
        raise PrerequisiteMissing(f"{address}: {NOT_THERE[answer.status_code]} (status {answer.status_code})")
    if answer.status_code != 200:
        raise SourceUnavailable(f"{address}: status {answer.status_code}")
    return answer
