"""Example responses for the documentation: each is valid for its type, as a test checks."""

from api.example import EXAMPLE
from readmit.core.encounter import FIELDS

REQUEST_ID = "6f1d2c3b4a596877d0e1000000000042"
TIMESTAMP = "2026-11-25T09:41:07.123456+00:00"
SINGLE_PAGE = {"total": 1, "page": 1, "pages": 1}

PREDICTION = {
    "prediction": 1,
    "probability": 0.2014,
    "threshold": 0.14285714285714285,
    "request_id": REQUEST_ID,
    "model_name": "readmit",
    "model_version": "3",
    "warnings": ["num_medications 120 is outside the training range, 1 to 81."],
    "explanation": {
        "scale": "log-odds",
        "base": -2.2081,
        "score": -1.3776,
        "contributions": [{"field": "number_inpatient", "value": 2, "contribution": 0.8305}],
    },
}
BATCH_PREDICTION = {
    "predictions": [
        {key: value for key, value in PREDICTION.items() if key != "explanation"},
        {"error": {"index": 1, "field": "age", "message": "age: is required"}},
        {
            "not_applicable": {
                "index": 2,
                "field": "discharge_disposition_id",
                "message": "not applicable: ended in death or hospice",
            }
        },
    ]
}
DOCUMENT = {"openapi": "3.1.0", "info": {"title": "Readmit", "version": "0.2.0"}, "paths": {}}
METRICS = 'readmit_http_requests_total{method="POST",route="/predict",status="200"} 42.0\n'
ERROR = {
    "error": {
        "message": "invalid encounter: age: is required",
        "fields": [{"field": "age", "message": "is required"}],
    },
    "request_id": REQUEST_ID,
}
HEALTH = {
    "message": "Readmit: POST an encounter to /predict; see /docs",
    "status": "healthy",
    "model_loaded": True,
    "model_version": "3",
    "model_loaded_at": TIMESTAMP,
    "reload_failure": None,
}
LIVENESS = {"status": "alive"}
MODEL = {
    "name": "readmit",
    "version": "3",
    "candidate": "lightgbm",
    "target": "within_30_days",
    "threshold": 0.14285714285714285,
    "batch": 3,
    "snapshot": "c2cdd8bb5b1d84b5",
    "code": "9a3c61d8a2a0f7be",
    "run_id": "0d6f3a3e7c0f4c58a9b1b7a2d3e4f506",
    "figures": {"roc_auc": 0.688},
    "loaded_at": TIMESTAMP,
}
DAYS = {
    "items": [
        {
            "run_id": "9f0c3b1e5d7a4e0b",
            "batch": 3,
            "state": "done",
            "step": "signal",
            "started_at": TIMESTAMP,
            "seconds": 41.7,
            "error": None,
            "version": "3",
            "outcome": "promoted",
            "reasons": [
                "better than version 2: ROC-AUC +0.0081 (+0.0012 to +0.0150), log loss -0.00092 (-0.00171 to -0.00013)"
            ],
            "steps": [
                {
                    "step": "fetch",
                    "state": "done",
                    "started_at": TIMESTAMP,
                    "seconds": 0.9,
                    "attempts": 1,
                    "error": None,
                }
            ],
        }
    ],
    **SINGLE_PAGE,
}
BATCHES = {
    "items": [
        {
            "batch": 3,
            "rows": 15000,
            "clean": 14641,
            "quarantined": 2,
            "excluded": 357,
            "sha256": "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97",
            "done_at": TIMESTAMP,
            "version": "3",
            "state": "done",
        }
    ],
    **SINGLE_PAGE,
}
QUARANTINE = {
    "items": [
        {
            "batch": 3,
            "field": "time_in_hospital",
            "reason": "15 is not between 1 and 14",
            "encounters": 2,
            "first": 4711,
        }
    ],
    **SINGLE_PAGE,
}
_VERSION = {
    "version": "3",
    "candidate": "lightgbm",
    "target": "within_30_days",
    "threshold": 0.14285714285714285,
    "batch": 3,
    "snapshot": "c2cdd8bb5b1d84b5",
    "code": "9a3c61d8a2a0f7be",
    "run_id": "0d6f3a3e7c0f4c58a9b1b7a2d3e4f506",
    "figures": {"roc_auc": 0.688, "log_loss": 0.3241},
    "consulted": 3,
    "in_production": True,
    "outcome": "promoted",
    "reasons": [
        "better than version 2: ROC-AUC +0.0081 (+0.0012 to +0.0150), log loss -0.00092 (-0.00171 to -0.00013)"
    ],
    "decided_at": TIMESTAMP,
    "placed": {"at": TIMESTAMP, "by": "promote", "why": "better than version 2"},
    "rolled_back": None,
    "comparable_roc_auc": 0.677,
}
VERSIONS = {"items": [_VERSION], **SINGLE_PAGE}
VERSION = {
    **_VERSION,
    "rival": "2",
    "rival_figures": {"roc_auc": 0.6799, "log_loss": 0.32502},
    "intervals": {"roc_auc": {"low": 0.675, "high": 0.701}},
    "rival_roc_auc": {"low": 0.667, "high": 0.693},
    "roc_auc_change": {"low": 0.0012, "high": 0.015},
    "best": None,
    "gates": {"calibration_slope": None, "roc_auc_change": None},
    "curves": {
        "roc": [[0.0, 0.0], [0.2, 0.43], [1.0, 1.0]],
        "precision_recall": [[0.1, 0.34], [1.0, 0.112]],
        "calibration": [[0.04, 0.038], [0.31, 0.3]],
    },
    "candidates": [
        {
            "name": "lightgbm",
            "chosen": True,
            "run_id": "7be1c8b04c0c4f0d8f6e9b1f1f0f4a11",
            "figures": {"roc_auc": 0.681, "roc_auc_low": 0.668, "roc_auc_high": 0.694, "log_loss": 0.3262},
        }
    ],
}
STATISTICS = {
    "items": [
        {
            "field": "age",
            "values": ["[0-10)", "[10-20)"],
            "encounters": 849,
            "readmitted": 43,
            "rate": 0.050647820965842166,
        }
    ],
    "target": "within_30_days",
    "smallest": 11,
    **SINGLE_PAGE,
}
SERVICES = {
    "items": [
        {"name": "mlflow", "state": "up", "milliseconds": 3.1, "error": None, "page": "http://127.0.0.1:5000"},
        {"name": "grafana", "state": "down", "milliseconds": None, "error": "Connection refused", "page": None},
    ],
    "total": 2,
    "page": 1,
    "pages": 1,
}
RELOAD = {"version": "3", "reloaded": True}
ROLLBACK_RESPONSE = {"version": "2", "before": "3", "served": True}
ROLLBACK_REQUEST = {"by": "m.alvarez", "why": "flags twice as many patients as last week", "version": None}


def example_csv() -> str:
    """Return the example encounter as a CSV file with UCI's columns."""
    names = [field.name for field in FIELDS if field.name in EXAMPLE]
    return "\n".join([",".join(names), ",".join(str(EXAMPLE[name]) for name in names)]) + "\n"
