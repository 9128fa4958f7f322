"""A registry that answers in MLflow's words: two versions, the second one in production."""

import json
from typing import Any

from tests.io.conftest import Answer

TAGS = {"candidate": "lightgbm", "target": "within_30_days", "threshold": "0.143", "batch": "2", "snapshot": "s"}
NOTED = json.dumps({"at": "2026-11-25T09:41:07.123456+00:00", "by": "promote", "why": "better"})


def registered(number: int, **tags: str) -> dict[str, Any]:
    told = {**TAGS, "code": "c", **tags}
    listed = [{"key": name, "value": value} for name, value in told.items()]
    return {"version": str(number), "run_id": f"run{number}", "tags": listed}


def registry(path: str) -> Answer:
    """What it says to a path."""
    known = {"1": registered(1), "2": registered(2, in_production=NOTED)}
    if "registered-models/alias" in path:
        return 200, {}, json.dumps({"model_version": known["2"]}).encode()
    if "model-versions/search" in path:
        return 200, {}, json.dumps({"model_versions": [known["2"], known["1"]]}).encode()
    wanted = known.get(path.rpartition("version=")[2])
    if wanted is None:
        return 404, {}, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}).encode()
    return 200, {}, json.dumps({"model_version": wanted}).encode()
