"""A registry that responds like MLflow: two versions, the second one in production and evaluated."""

import hashlib
import json
from typing import Any

from api.model_examples import EVALUATION
from tests.io.conftest import StubResponse

TAGS = {"candidate": "lightgbm", "target": "within_30_days", "threshold": "0.143", "batch": "2", "snapshot": "s"}
EVALUATION_FILE = json.dumps(EVALUATION).encode()
EVALUATION_TAGS = {"evaluation": hashlib.sha256(EVALUATION_FILE).hexdigest(), "comparable_roc_auc": "0.677"}
PROMOTION_NOTE = json.dumps({"at": "2026-11-25T09:41:07.123456+00:00", "by": "promote", "why": "better"})


def registered_version(number: int, **tags: str) -> dict[str, Any]:
    items = [{"key": name, "value": value} for name, value in {**TAGS, "code": "c", **tags}.items()]
    return {"version": str(number), "run_id": f"run{number}", "tags": items}


def answer_mlflow(path: str) -> StubResponse:
    """Return the response to a path."""
    versions = {"1": registered_version(1), "2": registered_version(2, in_production=PROMOTION_NOTE, **EVALUATION_TAGS)}
    if path.endswith("/0/run2/artifacts/evaluation.json"):
        return 200, {}, EVALUATION_FILE
    if "runs/get" in path:
        address = f"mlflow-artifacts:/0/{path.rpartition('run_id=')[2]}/artifacts"
        return 200, {}, json.dumps({"run": {"info": {"artifact_uri": address}}}).encode()
    if "registered-models/alias" in path:
        return 200, {}, json.dumps({"model_version": versions["2"]}).encode()
    if "model-versions/search" in path:
        return 200, {}, json.dumps({"model_versions": [versions["2"], versions["1"]]}).encode()
    version = versions.get(path.rpartition("version=")[2])
    if version is None:
        return 404, {}, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}).encode()
    return 200, {}, json.dumps({"model_version": version}).encode()
