"""What the contract says of an answer. This runs thousands of times a second: a look at what matters, no more."""

import json
from collections.abc import Mapping


def fault_of_prediction(body: bytes) -> str | None:
    """Why the body is no prediction; None: it is one."""
    told = _object(body)
    return "the body is no JSON object" if told is None else _fault(told)


def fault_of_batch(body: bytes, rows: int) -> str | None:
    """Why the body is not so many predictions; None: it is."""
    items = (_object(body) or {}).get("predictions")
    if not isinstance(items, list) or len(items) != rows:
        return "the body is not as many predictions as rows were posted"
    faults = (_fault(item) if isinstance(item, dict) else "an item is no JSON object" for item in items)
    return next((fault for fault in faults if fault), None)


def fault_of_state(body: bytes) -> str | None:
    """Why the body is not of an API that serves a model; None: it is."""
    return None if (_object(body) or {}).get("model_loaded") is True else "no model is loaded"


def fault_of_model(body: bytes) -> str | None:
    """Why the body is not of a model; None: it is."""
    return None if (_object(body) or {}).get("version") else "no version is named"


def _object(body: bytes) -> Mapping[str, object] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _fault(told: Mapping[str, object]) -> str | None:
    prediction, probability = told.get("prediction"), told.get("probability")
    # bool is an int in Python
    if type(prediction) is not int or prediction not in (0, 1):
        return "the prediction is neither 0 nor 1"
    if type(probability) not in (int, float) or not 0 <= probability <= 1:  # type: ignore[operator]
        return "the probability is not within 0 to 1"
    if not told.get("model_version"):
        return "no model's version is named"
    return None
