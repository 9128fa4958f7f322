"""A client generated from the OpenAPI document, as a user of the API would generate one."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from api.example import EXAMPLE

PACKAGE = "readmit_client"


@pytest.fixture
def client(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the package that openapi-python-client generates from the document which the API serves."""
    document = tmp_path / "openapi.json"
    document.write_bytes(httpx.get(f"{address}/schema/openapi.json").content)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", document, "--meta", "none"]
    subprocess.run([*command, "--output-path", tmp_path / PACKAGE], check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(PACKAGE)


def test_a_generated_client_predicts_one_encounter_and_a_batch(client: ModuleType, address: str) -> None:
    models, prediction = (importlib.import_module(f"{PACKAGE}.{name}") for name in ("models", "api.prediction"))
    predict, predict_batch = (
        importlib.import_module(f"{prediction.__name__}.{name}") for name in ("predict", "predict_batch")
    )
    session, encounter = client.Client(base_url=address), models.Encounter.from_dict(EXAMPLE)
    one = predict.sync(client=session, body=encounter, explain=True)
    expected = httpx.post(f"{address}/predict?explain=true", json=EXAMPLE).json()
    assert one.to_dict() | {"request_id": ""} == expected | {"request_id": ""}
    batch = predict_batch.sync(client=session, body=[encounter, encounter])
    assert [item.probability for item in batch.predictions] == [one.probability] * 2


def test_a_generated_client_receives_an_error_with_its_field(client: ModuleType, address: str) -> None:
    models = importlib.import_module(f"{PACKAGE}.models")
    predict = importlib.import_module(f"{PACKAGE}.api.prediction.predict")
    invalid = models.Encounter.from_dict(json.loads(json.dumps(EXAMPLE)))
    invalid.time_in_hospital = 99
    error = predict.sync(client=client.Client(base_url=address), body=invalid)
    assert isinstance(error, models.ErrorResponse)
    assert [item.field for item in error.error.fields] == ["time_in_hospital"]
