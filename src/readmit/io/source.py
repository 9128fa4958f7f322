"""The data API: which batches it has released, and each batch as Parquet."""

import hashlib
from dataclasses import dataclass

import httpx

from readmit.core.refusal import ContractBroken, NotThereYet, SourceAway

PARQUET = "application/vnd.apache.parquet"
PATIENCE = httpx.Timeout(60.0, connect=5.0)


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
    told = _get(f"{url}/health").json()
    try:
        return SourceState(
            kind=told["source"],
            rows=int(told["rows"]),
            batches=int(told["batches"]),
            released=int(told["released"]),
            exhausted=bool(told["exhausted"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractBroken(f"{url}/health: {error!r} in {told!r}") from error


def fetch(url: str, batch: int) -> FetchedBatch:
    """One batch. NotThereYet: unknown or not yet released. ContractBroken: not what ETag and X-Rows declare."""
    address = f"{url}/batches/{batch}"
    answer = _get(address, accept=PARQUET)
    declared, rows = answer.headers.get("ETag", "").strip('"'), answer.headers.get("X-Rows", "")
    sha256 = hashlib.sha256(answer.content).hexdigest()
    if sha256 != declared:
        raise ContractBroken(f"{address}: SHA-256 is {sha256}, declared is {declared or 'none'}")
    if not rows.isdecimal():
        raise ContractBroken(f"{address}: X-Rows is {rows!r}, not a number of rows")
    return FetchedBatch(answer.content, sha256, int(rows))


def _get(address: str, accept: str = "application/json") -> httpx.Response:
    try:
        answer = httpx.get(address, headers={"Accept": accept}, timeout=PATIENCE)
    except httpx.HTTPError as error:
        raise SourceAway(f"{address}: {error!r}") from error
    if answer.status_code in (404, 425):
        raise NotThereYet(f"{address}: {answer.text.strip()}")
    if answer.status_code != 200:
        raise SourceAway(f"{address}: status {answer.status_code}")
    return answer
