"""Minimal contract checks of responses; they run thousands of times a second."""

import json
from collections.abc import Mapping


def prediction_error(body: bytes) -> str | None:
    """Return why the body is not a prediction, or None."""
    item = _json_object(body)
    return "the body is not a JSON object" if item is None else _error(item)


def batch_error(body: bytes, rows: int) -> str | None:
    """Return why the body is not a list of `rows` predictions, or None."""
    items = (_json_object(body) or {}).get("predictions")
    if not isinstance(items, list) or len(items) != rows:
        return "the number of predictions differs from the number of rows"
    errors = (_error(item) if isinstance(item, dict) else "an item is not a JSON object" for item in items)
    return next((error for error in errors if error), None)


def health_error(body: bytes) -> str | None:
    """Return why the body is not the health of an API with a model, or None."""
    return None if (_json_object(body) or {}).get("model_loaded") is True else "no model is loaded"


def model_error(body: bytes) -> str | None:
    """Return why the body does not describe a model, or None."""
    return None if (_json_object(body) or {}).get("version") else "the version is missing"


def _json_object(body: bytes) -> Mapping[str, object] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _error(item: Mapping[str, object]) -> str | None:
    prediction, probability = item.get("prediction"), item.get("probability")
    # bool is an int in Python
    if type(prediction) is not int or prediction not in (0, 1):
        return "the prediction is neither 0 nor 1"
    if type(probability) not in (int, float) or not 0 <= probability <= 1:  # type: ignore[operator]  # the type is checked
        return "the probability is not within 0 to 1"
    if not item.get("model_version"):
        return "the model version is missing"
    return None
