"""Examples of cards, prospective figures and evaluations of versions in the OpenAPI document."""

from api.openapi_examples import SINGLE_PAGE, TIMESTAMP

MODEL_CARD = {
    "version": "3",
    "language": "en",
    "title": "Model card: version 3",
    "note": "For teaching and research only; not a medical device.",
    "figures": {"roc_auc": 0.688, "log_loss": 0.3241},
    "sections": [
        {
            "id": "readmit",
            "title": "This version",
            "note": "The facts of this version and the limits of its use.",
            "items": [
                {
                    "id": "inputs",
                    "title": "Inputs and missing data",
                    "available": True,
                    "text": ["47 fields of one encounter, 12 of them required in a request."],
                    "table": {
                        "columns": ["Field", "In a request", "Not recorded in training"],
                        "rows": [["payer_code", "optional", "39.6 %"]],
                    },
                },
                {
                    "id": "prospective",
                    "title": "Prospective results",
                    "available": False,
                    "text": ["not available"],
                    "table": None,
                },
            ],
        }
    ],
}
PROSPECTIVE = {
    "items": [
        {
            "batch": 3,
            "version": "2",
            "target": "within_30_days",
            "trained_on": 2,
            "threshold": 0.14285714285714285,
            "encounters": 14612,
            "patients": 12790,
            "events": 1777,
            "figures": {
                "roc_auc": {"value": 0.674, "low": 0.659, "high": 0.688},
                "observed_expected": {"value": 1.006, "low": 0.957, "high": 1.05},
            },
            "evaluated_at": TIMESTAMP,
        }
    ],
    **SINGLE_PAGE,
}
_AUC = {"value": 0.688, "low": 0.675, "high": 0.701}
EVALUATION = {
    "version": "3",
    "candidate": "lightgbm",
    "target": "within_30_days",
    "threshold": 0.14285714285714285,
    "batch": 3,
    "encounters": 6411,
    "patients": 5402,
    "readmitted": 742,
    "resamples": 1000,
    "roc_auc": _AUC,
    "pr_auc": {"value": 0.26, "low": 0.23, "high": 0.287},
    "log_loss": {"value": 0.3329, "low": 0.3195, "high": 0.346},
    "comparable_roc_auc": {"value": 0.677, "low": 0.637, "high": 0.717},
    "roc": [[0.0, 0.0], [0.2, 0.43], [1.0, 1.0]],
    "precision_recall": [[0.1, 0.34], [1.0, 0.112]],
    "calibration": {
        "bins": [{"predicted": 0.038, "observed": {"value": 0.035, "low": 0.023, "high": 0.053}}],
        "slope": {"value": 1.08, "low": 0.99, "high": 1.17},
        "intercept": {"value": 0.17, "low": -0.02, "high": 0.36},
        "observed_expected": {"value": 1.02, "low": 0.95, "high": 1.1},
        "ece": 0.0104,
        "ece_by_chance": 0.0095,
    },
    "operating_point": {
        "ppv": {"value": 0.229, "low": 0.209, "high": 0.248},
        "sensitivity": {"value": 0.458, "low": 0.423, "high": 0.49},
        "specificity": {"value": 0.798, "low": 0.788, "high": 0.808},
        "alerts_per_100": {"value": 23.2, "low": 22.1, "high": 24.4},
        "alerts_per_readmission": {"value": 4.36, "low": 4.03, "high": 4.78},
    },
    "decision_curve": [
        {
            "threshold": 0.15,
            "model": {"value": 0.0215, "low": 0.0159, "high": 0.0269},
            "everyone": -0.0398,
            "nobody": 0.0,
            "stays": 0.012,
            "reference": 0.0132,
        }
    ],
    "subgroups": [
        {
            "field": "age",
            "values": ["[0-10)", "[10-20)"],
            "encounters": 112,
            "readmitted": 14,
            "roc_auc": {"value": 0.71, "low": 0.58, "high": 0.83},
            "observed_expected": {"value": 1.05, "low": 0.61, "high": 1.5},
            "sensitivity": {"value": 0.43, "low": 0.15, "high": 0.71},
            "ppv": {"value": 0.24, "low": 0.08, "high": 0.42},
            "flagged": {"value": 0.22, "low": 0.14, "high": 0.31},
        }
    ],
    "importances": {"number_inpatient": {"increase": 0.0153, "standard_error": 0.0003}},
}
