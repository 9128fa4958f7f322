"""Readmission risk of the sample: additive log-odds, with effects as in the published data."""

import math

BASE_LOG_ODDS_WITHIN_30_DAYS = -2.68
"""Intercept: log-odds of `<30` without any effect."""
BASE_LOG_ODDS_LATER = -0.86

BY_DISPOSITION = {
    "1": -0.2,
    "3": 0.3,
    "6": 0.1,
    "2": 0.35,
    "22": 1.0,
    "5": 0.6,
    "28": 1.2,
    "15": 1.8,
    "23": -0.5,
    "25": -0.2,
}
BY_DIAGNOSIS = {
    **{"428": 0.2, "434": 0.3, "440": 0.3, "403": 0.25, "404": 0.25, "996": 0.15, "276": 0.15, "584": 0.2},
    **{"250.6": 0.3, "820": 0.25, "507": 0.2, "491": 0.1, "V57": 0.15, "786": -0.3, "427": -0.15, "435": -0.2},
    **{"722": -0.3, "278": -0.4, "682": -0.15, "486": -0.1, "414": -0.15, "493": -0.15, "715": -0.1},
}
BY_SPECIALTY = {
    **{"Nephrology": 0.3, "Oncology": 0.5, "Hematology/Oncology": 0.45, "ObstetricsandGynecology": -0.7},
    **{
        "Cardiology": -0.25,
        "Surgery-Neuro": -0.5,
        "Orthopedics-Reconstructive": -0.3,
        "Pediatrics-Endocrinology": -2.0,
    },
}
BY_INSULIN = {"No": -0.08, "Steady": 0.0, "Up": 0.15, "Down": 0.2}


def log_odds(stay: dict[str, str], age: float) -> float:
    """Return the encounter's contribution to the log-odds of a return, within 30 days or later. `age` in years."""
    return (
        0.37 * min(int(stay["number_inpatient"]), 8)
        + 0.15 * min(int(stay["number_emergency"]), 5)
        + 0.05 * min(int(stay["time_in_hospital"]), 8)
        + 0.07 * (min(int(stay["number_diagnoses"]), 9) - 7)
        + 0.007 * (min(age, 85) - 65)
        + BY_DISPOSITION.get(stay["discharge_disposition_id"], 0.0)
        + BY_DIAGNOSIS.get(stay["diag_1"], 0.0)
        + BY_SPECIALTY.get(stay["medical_specialty"], 0.0)
        + BY_INSULIN[stay["insulin"]]
        - (0.15 if stay["metformin"] != "No" else 0.0)
        + (0.08 if stay["diabetesMed"] == "Yes" else 0.0)
    )


def outcome(risk: float, draw: float) -> str:
    """Return `<30`, `>30` or `NO` for a uniform draw from 0 to 1; `risk` in log-odds."""
    early = 1 / (1 + math.exp(-(BASE_LOG_ODDS_WITHIN_30_DAYS + risk)))
    late = (1 - early) / (1 + math.exp(-(BASE_LOG_ODDS_LATER + risk)))
    if draw < early:
        return "<30"
    return ">30" if draw < early + late else "NO"
