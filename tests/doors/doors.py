"""The three doors by which Readmit reads a table of encounters, and what each makes of a file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from litestar.testing import TestClient

from api.fast_path import FastPath
from api.request_parsing import CSV, PARQUET, ZIP
from ec2_api.layout import NotInLayout, csv_content, read_table
from readmit.core.cleaning import POSITION, clean, to_text_columns
from ui.batch_warnings import count_warnings
from ui.encounter_table import InvalidEncounterTable, chunks, join_results, read


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a door makes of a file. `refusal`: why it was refused as a whole; otherwise the fate of each row.

    `rows`: their number; `errors`: by row index; `warnings`: by kind, where the door gives any.
    """

    refusal: str = ""
    rows: int = 0
    errors: Mapping[int, str] = field(default_factory=dict)
    warnings: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All messages."""
        return " ".join([self.refusal, *self.errors.values()])


class Door(ABC):
    """A reader of tables of encounters."""

    @abstractmethod
    def read(self, content: bytes) -> Outcome:
        """Read a file."""


class SourceDoor(Door):
    """The data API's file, and the cleaning of its batch."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, content: bytes) -> Outcome:
        self._path.write_bytes(content)
        try:
            raw = to_text_columns(read_table(csv_content(self._path)))
        except NotInLayout as error:
            return Outcome(refusal=str(error))
        cleaned = clean(raw, [])
        assert raw.height == cleaned.clean.height + cleaned.quarantined + cleaned.excluded
        errors: dict[int, str] = {}
        for position, column, reason in cleaned.faults.select(POSITION, "field", "reason").iter_rows():
            errors[position - 1] = f"{errors.get(position - 1, '')} {column}: {reason}".strip()
        return Outcome(rows=raw.height, errors=errors)


class InferenceDoor(Door):
    """A batch sent to the inference API."""

    def __init__(self, client: TestClient[FastPath]) -> None:
        self.client = client

    def read(self, content: bytes) -> Outcome:
        content_type = {b"PAR1": PARQUET, b"PK\x03\x04": ZIP}.get(content[:4], CSV)
        response = self.client.post("/predict_batch", content=content, headers={"Content-Type": content_type})
        if response.status_code != 200:
            assert response.status_code == 400, response.text
            return Outcome(refusal=response.json()["error"]["message"])
        items = response.json()["predictions"]
        errors = {
            index: item["error"]["message"]
            for index, item in enumerate(items)
            if "error" in item and "not applicable" not in item["error"]["message"]
        }
        assert all("probability" in item or "error" in item for item in items)
        return Outcome(
            rows=len(items), errors=errors, warnings=count_warnings(item.get("warnings", ()) for item in items)
        )


class AppDoor(Door):
    """An upload in the app, sent to the inference API in chunks."""

    def __init__(self, inference: InferenceDoor) -> None:
        self._client = inference.client

    def read(self, content: bytes) -> Outcome:
        try:
            encounters = read(content)
        except InvalidEncounterTable as error:
            return Outcome(refusal=str(error))
        headers = {"Content-Type": PARQUET, "Accept": PARQUET}
        responses = [self.client_post(chunk, headers) for chunk in chunks(encounters.table)]
        answers = join_results(responses)
        errors = {
            index: error
            for index, error in enumerate(answers["error"].to_pylist())
            if error is not None and "not applicable" not in error
        }
        lost = {len(answers) + number: f"line {line}" for number, line in enumerate(encounters.ragged_lines)}
        return Outcome(
            rows=len(answers) + len(lost),
            errors=errors | lost,
            warnings=count_warnings(answers["warnings"].to_pylist()),
        )

    def client_post(self, chunk: bytes, headers: dict[str, str]) -> bytes:
        response = self._client.post("/predict_batch", content=chunk, headers=headers)
        assert response.status_code == 200, response.text
        return response.content
