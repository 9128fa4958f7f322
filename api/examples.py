"""What the routes answer, for the documentation: each is an answer of its type, which a test holds."""

REQUEST_ID = "6f1d2c3b4a596877d0e1000000000042"
_WHEN = "2026-11-25T09:41:07.123456+00:00"

ANSWER = {
    "prediction": 1,
    "probability": 0.2014,
    "threshold": 0.14285714285714285,
    "request_id": REQUEST_ID,
    "model_name": "readmit",
    "model_version": "3",
    "warnings": ["num_medications 120 is outside of what the model learnt from, 1 to 81."],
    "explanation": {
        "scale": "log-odds",
        "base": -2.2081,
        "score": -1.3776,
        "contributions": [{"field": "number_inpatient", "value": 2, "contribution": 0.8305}],
    },
}
BATCH = {
    "predictions": [
        {key: value for key, value in ANSWER.items() if key != "explanation"},
        {"error": {"index": 1, "field": "age", "message": "age: is required"}},
    ]
}
ERROR = {
    "error": {
        "message": "the record is no encounter: age: is required",
        "fields": [{"field": "age", "message": "is required"}],
    },
    "request_id": REQUEST_ID,
}
HEALTH = {
    "message": "Readmit: POST an encounter to /predict; /docs tells how",
    "status": "healthy",
    "model_loaded": True,
    "model_version": "3",
    "model_loaded_at": _WHEN,
    "reload_failure": None,
}
ALIVE = {"status": "alive"}
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
    "loaded_at": _WHEN,
}
RELOADED = {"version": "3", "reloaded": True}
ROLLED_BACK = {"version": "2", "before": "3", "served": True}
ROLLBACK = {"by": "m.alvarez", "why": "flags twice as many patients as last week", "version": None}
