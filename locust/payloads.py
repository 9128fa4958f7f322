"""Request payloads: rows of the source, or synthetic encounters drawn from the fields' allowed values."""

import csv
import io
import json
import random
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from errors import LoadRefused
from readmit.core.encounter import (
    BY_NAME,
    DISPOSITION,
    ENCOUNTER,
    EXCLUDED_DISPOSITIONS,
    FEATURES,
    ICD9,
    NOT_RECORDED,
    PAYER,
    SPECIALTY,
    Field,
    python_name,
)
from readmit.core.field_values import value_error
from target import RowSource

MAX_ROWS = 2_000
"""Maximum number of the source's rows to use; each is posted many times."""
SEED = 130
CODES = {
    ICD9: ("428", "250.83", "V57", "585", "E885.1", "414.01"),
    PAYER: ("MC", "HM", "SP"),
    SPECIALTY: ("InternalMedicine", "Cardiology", "Family/GeneralPractice"),
}
"""Sample values for each pattern."""
MAX_COUNT = 60
MISSING_SHARE = 0.3
"""Share of optional fields that are missing: absent, null or `?`."""
TIMEOUT_SECONDS = 60.0

Row = Mapping[str, object]


class NoRedirects(HTTPRedirectHandler):
    """Reports a redirect as an error: urllib would send the token on to the other host."""

    def redirect_request(self, *_: object) -> None:
        """Return no request to follow."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """Payloads. `singles`: JSON bodies for /predict, one per row; `description`: their origin."""

    rows: Sequence[Row]
    singles: Sequence[str]
    description: str

    @classmethod
    def from_rows(cls, rows: Sequence[Row], description: str) -> "Payloads":
        """Return payloads with a JSON body per row."""
        return cls(rows, [json.dumps(row) for row in rows], description)

    def sample_rows(self, count: int, rng: random.Random) -> list[Row]:
        """Return `count` rows, drawn with replacement."""
        return rng.choices(self.rows, k=count)


def of_source(source: RowSource | None) -> Payloads:
    """Return rows of a source, or synthetic ones when its address changes. Raises LoadRefused when it has no rows."""
    return synthetic_payloads() if source is None else source_payloads(source)


def source_payloads(source: RowSource) -> Payloads:
    """Return rows of the source's first batch that get a prediction. Raises LoadRefused when there are none."""
    batch, address = _first_batch(source), source.url
    valid = [row for row in batch if is_encounter(row)]
    if not valid:
        raise LoadRefused(f"the source at {address} has no row in its first batch that can be predicted")
    rows = random.Random(SEED).sample(valid, min(MAX_ROWS, len(valid)))
    description = f"{len(rows):,} rows of the source at {address}"
    excluded = len(batch) - len(valid)
    return Payloads.from_rows(
        rows, description + (f" ({excluded:,} of its first batch get no prediction)" if excluded else "")
    )


def synthetic_payloads(count: int = MAX_ROWS, seed: int = SEED) -> Payloads:
    """Return synthetic encounters; required fields are always set, optional ones sometimes."""
    rng = random.Random(seed)
    return Payloads.from_rows(
        [_synthetic_row(rng) for _ in range(count)], f"{count:,} synthetic encounters, seed {seed}"
    )


def as_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV with one header; missing fields are empty cells."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def is_encounter(row: Row) -> bool:
    """Return whether the API must answer the row with a prediction, according to the field definitions."""
    values = {python_name(name): value for name, value in row.items()}
    return (
        values.keys() <= BY_NAME.keys()
        and all(_is_valid(BY_NAME[name], values.get(name)) for name in (ENCOUNTER, *FEATURES))
        and str(values.get(DISPOSITION)) not in EXCLUDED_DISPOSITIONS
    )


def _is_valid(field: Field, value: object) -> bool:
    if value is None or value == NOT_RECORDED:
        return not field.required
    return isinstance(value, int) == field.whole_number and value_error(field, str(value)) is None


def _synthetic_row(rng: random.Random) -> Row:
    row: dict[str, object] = {}
    for field in (BY_NAME[name] for name in FEATURES):
        if field.required or rng.random() >= MISSING_SHARE:
            row[field.name] = _synthetic_value(field, rng)
        elif (missing := rng.choice(("absent", None, NOT_RECORDED))) != "absent":
            row[field.name] = missing
    return row


def _synthetic_value(field: Field, rng: random.Random) -> str | int:
    if field.pattern:
        return rng.choice(CODES[field.pattern])
    if field.choices:
        excluded = EXCLUDED_DISPOSITIONS if field.name == DISPOSITION else ()
        value = rng.choice([choice for choice in field.choices if choice not in excluded])
        return int(value) if field.whole_number else value
    return rng.randint(field.low, min(field.high, MAX_COUNT))


def _first_batch(source: RowSource) -> list[Row]:
    address = source.url
    authorization = {} if source.token is None else {"Authorization": f"Bearer {source.token}"}
    request = Request(f"{address}/batches/1", headers={"Accept": "application/json", **authorization})
    try:
        # Without a proxy: the source is on the same network as the API.
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=_tls_context(source.ca_file)), NoRedirects)
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            rows = json.load(response)
    except (OSError, ValueError) as error:
        is_denied = getattr(error, "code", None) == 401
        token = "set READMIT_SOURCE_TOKEN, which only the stack's own data API gets, or " if is_denied else ""
        raise LoadRefused(
            f"the source at {address} returned no rows ({error}); {token}use --made for synthetic encounters"
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LoadRefused(f"the source at {address} did not return a list of rows")
    return rows


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    # A self-signed certificate may lack an extension that Python 3.13 requires by default.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
