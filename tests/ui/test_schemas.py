"""What the API's document shows as its answers, the page reads."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from api import openapi_examples
from ui import schemas

READ: list[tuple[Any, Any]] = [
    (schemas.Health, openapi_examples.HEALTH),
    (schemas.Model, openapi_examples.MODEL),
    (schemas.Answer, openapi_examples.ANSWER),
    (schemas.Error, openapi_examples.ERROR),
    (schemas.Listed[schemas.Day], openapi_examples.DAYS),
    (schemas.Listed[schemas.Batch], openapi_examples.BATCHES),
    (schemas.Listed[schemas.Quarantined], openapi_examples.QUARANTINE),
    (schemas.Listed[schemas.Version], openapi_examples.VERSIONS),
    (schemas.VersionInFull, openapi_examples.VERSION),
    (schemas.Statistics, openapi_examples.STATISTICS),
    (schemas.Listed[schemas.Service], openapi_examples.SERVICES),
    (schemas.Reloaded, openapi_examples.RELOADED),
    (schemas.RolledBack, openapi_examples.ROLLED_BACK),
]


@pytest.mark.parametrize(("kind", "example"), READ, ids=lambda each: getattr(each, "__name__", ""))
def test_an_answer_is_read_whole(kind: Any, example: dict[str, Any]) -> None:
    read = TypeAdapter(kind).validate_json(json.dumps(example))
    told = TypeAdapter(kind).dump_python(read, mode="json")
    for name, value in told.items():
        assert name in example
        if isinstance(value, int | str) and not name.endswith("_at"):
            assert value == example[name]
