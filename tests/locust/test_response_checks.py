import json

import pytest

from response_checks import batch_error, prediction_error

GOOD = {"prediction": 0, "probability": 0.1, "model_version": "3"}


def test_a_response_within_the_contract_has_no_error() -> None:
    assert prediction_error(json.dumps(GOOD).encode()) is None
    assert batch_error(json.dumps({"predictions": [GOOD, GOOD]}).encode(), 2) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"prediction": 2},
        {"prediction": True},
        {"prediction": None},
        {"probability": 1.1},
        {"probability": "0.1"},
        {"model_version": None},
    ],
)
def test_a_contract_violation_is_an_error(wrong: dict[str, object]) -> None:
    assert prediction_error(json.dumps(GOOD | wrong).encode())
    assert batch_error(json.dumps({"predictions": [GOOD, GOOD | wrong]}).encode(), 2)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"error": {}}', b"<html>", b"\xff"])
def test_an_unrelated_body_is_an_error(body: bytes) -> None:
    assert prediction_error(body)
    assert batch_error(body, 1)


def test_a_batch_with_fewer_predictions_than_rows_is_an_error() -> None:
    assert batch_error(json.dumps({"predictions": [GOOD]}).encode(), 2)
