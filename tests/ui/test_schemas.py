"""What the API's document shows as its answers, the page reads."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from api import openapi_examples
from ui import schemas

READ: list[tuple[Any, Any]] = [
    (schemas.HealthView, openapi_examples.HEALTH),
    (schemas.ModelView, openapi_examples.MODEL),
    (schemas.PredictionView, openapi_examples.ANSWER),
    (schemas.ErrorView, openapi_examples.ERROR),
    (schemas.ItemList[schemas.DayView], openapi_examples.DAYS),
    (schemas.ItemList[schemas.BatchView], openapi_examples.BATCHES),
    (schemas.ItemList[schemas.QuarantinedView], openapi_examples.QUARANTINE),
    (schemas.ItemList[schemas.VersionView], openapi_examples.VERSIONS),
    (schemas.VersionDetailView, openapi_examples.VERSION),
    (schemas.StatisticsView, openapi_examples.STATISTICS),
    (schemas.ItemList[schemas.ServiceView], openapi_examples.SERVICES),
    (schemas.ReloadView, openapi_examples.RELOADED),
    (schemas.RollbackView, openapi_examples.ROLLED_BACK),
]


@pytest.mark.parametrize(("kind", "example"), READ, ids=lambda each: getattr(each, "__name__", ""))
def test_an_answer_is_read_whole(kind: Any, example: dict[str, Any]) -> None:
    read = TypeAdapter(kind).validate_json(json.dumps(example))
    told = TypeAdapter(kind).dump_python(read, mode="json")
    for name, value in told.items():
        assert name in example
        if isinstance(value, int | str) and not name.endswith("_at"):
            assert value == example[name]
