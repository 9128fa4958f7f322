import json

import pytest

from response_checks import fault_of_batch, fault_of_prediction

GOOD = {"prediction": 0, "probability": 0.1, "model_version": "3"}


def test_what_the_contract_says_is_no_fault() -> None:
    assert fault_of_prediction(json.dumps(GOOD).encode()) is None
    assert fault_of_batch(json.dumps({"predictions": [GOOD, GOOD]}).encode(), 2) is None


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
def test_what_breaks_the_contract_is_a_fault(wrong: dict[str, object]) -> None:
    assert fault_of_prediction(json.dumps(GOOD | wrong).encode())
    assert fault_of_batch(json.dumps({"predictions": [GOOD, GOOD | wrong]}).encode(), 2)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"error": {}}', b"<html>", b"\xff"])
def test_what_is_no_answer_at_all_is_a_fault(body: bytes) -> None:
    assert fault_of_prediction(body)
    assert fault_of_batch(body, 1)


def test_a_batch_with_fewer_answers_than_rows_is_a_fault() -> None:
    assert fault_of_batch(json.dumps({"predictions": [GOOD]}).encode(), 2)
