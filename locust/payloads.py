"""What is posted: rows of the source as they are, or encounters made by chance from what their fields may hold."""

import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from errors import LoadRefused
from readmit.core.encounter import (
    BY_NAME,
    CANNOT_RETURN,
    DISPOSITION,
    ENCOUNTER,
    FEATURES,
    ICD9,
    NOT_RECORDED,
    PAYER,
    SPECIALTY,
    Field,
    python_name,
    value_fault,
)

MOST_KEPT = 2_000
"""Rows of the source that are kept; each is posted many times."""
SEED = 130
CODES = {
    ICD9: ("428", "250.83", "V57", "585", "E885.1", "414.01"),
    PAYER: ("MC", "HM", "SP"),
    SPECIALTY: ("InternalMedicine", "Cardiology", "Family/GeneralPractice"),
}
"""Some for each pattern of an open set."""
HIGHEST_COUNT = 60
UNSAID = 0.3
"""The share of optional fields that say nothing: absent, null or `?`."""
PATIENCE_SECONDS = 60.0

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Payloads:
    """`singles`: bodies for /predict, each one of `rows`; `words`: where they are from."""

    rows: Sequence[Row]
    singles: Sequence[str]
    words: str

    @classmethod
    def of(cls, rows: Sequence[Row], words: str) -> "Payloads":
        return cls(rows, [json.dumps(row) for row in rows], words)

    def some(self, count: int, chance: random.Random) -> list[Row]:
        """So many rows, any of them any number of times."""
        return chance.choices(self.rows, k=count)


def of_source(address: str) -> Payloads:
    """Rows of the source's first batch that get a prediction. Refused: it does not answer, or has none."""
    whole = _first_batch(address)
    fit = [row for row in whole if is_encounter(row)]
    if not fit:
        raise LoadRefused(f"{address}: no row of its first batch is an encounter with a risk of readmission")
    kept = random.Random(SEED).sample(fit, min(MOST_KEPT, len(fit)))
    words = f"{len(kept):,} rows of the source at {address}"
    left_out = len(whole) - len(fit)
    return Payloads.of(kept, words + (f" ({left_out:,} of its first batch get no prediction)" if left_out else ""))


def by_chance(count: int = MOST_KEPT, seed: int = SEED) -> Payloads:
    """Encounters made from their fields: what is required always, what is optional sometimes."""
    chance = random.Random(seed)
    return Payloads.of([_made(chance) for _ in range(count)], f"{count:,} encounters made by chance, seed {seed}")


def as_csv(rows: Sequence[Row]) -> str:
    """The rows under one header; what a row lacks is an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def is_encounter(row: Row) -> bool:
    """Whether the API is bound to answer it with a prediction: the fields' own words, not the API's."""
    given = {python_name(name): value for name, value in row.items()}
    return (
        given.keys() <= BY_NAME.keys()
        and all(_stands(BY_NAME[name], given.get(name)) for name in (ENCOUNTER, *FEATURES))
        and str(given.get(DISPOSITION)) not in CANNOT_RETURN
    )


def _stands(field: Field, value: object) -> bool:
    if value is None or value == NOT_RECORDED:
        return not field.required
    return isinstance(value, int) == field.whole_number and value_fault(field, str(value)) is None


def _made(chance: random.Random) -> Row:
    row: dict[str, object] = {}
    for field in (BY_NAME[name] for name in FEATURES):
        if field.required or chance.random() >= UNSAID:
            row[field.name] = _value(field, chance)
        elif (unsaid := chance.choice(("absent", None, NOT_RECORDED))) != "absent":
            row[field.name] = unsaid
    return row


def _value(field: Field, chance: random.Random) -> str | int:
    if field.pattern:
        return chance.choice(CODES[field.pattern])
    if field.choices:
        out = CANNOT_RETURN if field.name == DISPOSITION else ()
        chosen = chance.choice([choice for choice in field.choices if choice not in out])
        return int(chosen) if field.whole_number else chosen
    return chance.randint(field.low, min(field.high, HIGHEST_COUNT))


def _first_batch(address: str) -> list[Row]:
    asked = Request(f"{address}/batches/1", headers={"Accept": "application/json"})
    try:
        # Past any proxy: the source stands beside the API.
        with build_opener(ProxyHandler({})).open(asked, timeout=PATIENCE_SECONDS) as answer:
            told = json.load(answer)
    except (URLError, TimeoutError, ValueError) as error:
        raise LoadRefused(
            f"the source at {address} gives no rows ({error}); --made takes encounters made by chance"
        ) from error
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        raise LoadRefused(f"the source at {address} gives no list of rows")
    return told
