"""What the API's document shows as its answers, the page reads."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from api import examples
from ui import answers

READ: list[tuple[Any, Any]] = [
    (answers.Health, examples.HEALTH),
    (answers.Model, examples.MODEL),
    (answers.Answer, examples.ANSWER),
    (answers.Error, examples.ERROR),
    (answers.Listed[answers.Day], examples.DAYS),
    (answers.Listed[answers.Batch], examples.BATCHES),
    (answers.Listed[answers.Quarantined], examples.QUARANTINE),
    (answers.Listed[answers.Version], examples.VERSIONS),
    (answers.VersionInFull, examples.VERSION),
    (answers.Statistics, examples.STATISTICS),
    (answers.Listed[answers.Service], examples.SERVICES),
    (answers.Reloaded, examples.RELOADED),
    (answers.RolledBack, examples.ROLLED_BACK),
]


@pytest.mark.parametrize(("kind", "example"), READ, ids=lambda each: getattr(each, "__name__", ""))
def test_an_answer_is_read_whole(kind: Any, example: dict[str, Any]) -> None:
    read = TypeAdapter(kind).validate_json(json.dumps(example))
    told = TypeAdapter(kind).dump_python(read, mode="json")
    for name, value in told.items():
        assert name in example
        if isinstance(value, int | str) and not name.endswith("_at"):
            assert value == example[name]
