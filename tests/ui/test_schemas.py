"""The page can read the example responses of the API's OpenAPI document."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from api import model_examples, openapi_examples
from ui import evaluation_schemas, schemas
from ui.card_view import CardView
from ui.prospective_views import ProspectiveView

CASES: list[tuple[Any, Any]] = [
    (schemas.HealthView, openapi_examples.HEALTH),
    (schemas.ModelView, openapi_examples.MODEL),
    (schemas.PredictionView, openapi_examples.PREDICTION),
    (schemas.ErrorView, openapi_examples.ERROR),
    (schemas.ItemList[schemas.DayView], openapi_examples.DAYS),
    (schemas.ItemList[schemas.BatchView], openapi_examples.BATCHES),
    (schemas.ItemList[schemas.QuarantinedView], openapi_examples.QUARANTINE),
    (schemas.ItemList[schemas.VersionView], openapi_examples.VERSIONS),
    (schemas.VersionDetailView, openapi_examples.VERSION),
    (CardView, model_examples.MODEL_CARD),
    (schemas.ItemList[ProspectiveView], model_examples.PROSPECTIVE),
    (evaluation_schemas.EvaluationView, model_examples.EVALUATION),
    (schemas.StatisticsView, openapi_examples.STATISTICS),
    (schemas.ItemList[schemas.ServiceView], openapi_examples.SERVICES),
    (schemas.ReloadView, openapi_examples.RELOAD),
    (schemas.RollbackView, openapi_examples.ROLLBACK_RESPONSE),
]


@pytest.mark.parametrize(("schema", "example"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_response_is_read_completely(schema: Any, example: dict[str, Any]) -> None:
    response = TypeAdapter(schema).validate_json(json.dumps(example))
    fields = TypeAdapter(schema).dump_python(response, mode="json")
    for name, value in fields.items():
        assert name in example
        if isinstance(value, int | str) and not name.endswith("_at"):
            assert value == example[name]
