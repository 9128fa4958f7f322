"""The results page of an example report: its content, all of which comes from the report."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from api.model_examples import EVALUATION
from readmit.core.model import CANDIDATES
from readmit.embedded.results_page import render_page
from readmit.pipeline import STEPS

UnknownNumbers = Callable[[Mapping[str, Any], str], list[str]]


def figures(seed: int) -> dict[str, float]:
    """A share for each figure, all different."""
    names = (
        *("roc_auc", "pr_auc", "log_loss", "skill", "brier", "ece", "base_rate", "accuracy", "f1", "flagged"),
        *("roc_auc_low", "roc_auc_high", "pr_auc_low", "pr_auc_high", "log_loss_low", "log_loss_high"),
    )
    return {name: 0.1 + index * 0.0437 + seed * 0.00731 for index, name in enumerate(names)} | {
        "observed_expected": 0.97 + seed / 100
    }


def curves(bend: float) -> dict[str, list[list[float]]]:
    roc = [[x / 20, (x / 20) ** bend] for x in range(21)]
    return {
        "roc": roc,
        "precision_recall": [[x, 0.4 - 0.3 * x] for x, _ in roc],
        "calibration": [[0.02 * index, 0.021 * index] for index in range(1, 21)],
    }


def day(batch: int, outcome: str | None, reasons: list[str]) -> dict[str, Any]:
    is_judged = outcome is not None
    return {
        "batch": batch,
        "verdict": f"version {batch} {outcome}: {'; '.join(reasons)}" if is_judged else None,
        "outcome": outcome,
        "version": str(batch) if is_judged else None,
        "candidate": CANDIDATES[batch % 2].name if is_judged else None,
        "reasons": reasons,
        "rows": {"raw": 1000 + batch, "clean": 950 + batch, "quarantined": 10, "excluded": 40},
        "roc_auc": 0.65 + batch / 100 if is_judged else None,
        "roc_auc_low": 0.62 + batch / 100 if is_judged else None,
        "roc_auc_high": 0.68 + batch / 100 if is_judged else None,
        "consulted": batch if is_judged else None,
        "seconds": {step.name: 0.1 + index + batch / 8 for index, step in enumerate(STEPS) if is_judged or index < 7},
        "seconds_of_steps": 57.0 + batch / 8,
    }


def later_batch(batch: int) -> dict[str, Any]:
    names = ("roc_auc", "observed_expected", "calibration_slope", "log_loss", "flagged", "ppv", "sensitivity")
    return {
        **{"batch": batch, "version": str(batch - 1), "trained_on": batch - 1, "threshold": 1 / 7, "cost_ratio": 6.0},
        **{"encounters": 947 + batch, "events": 103 + batch},
        "figures": {
            f"{name}{end}": 0.31 + index * 0.0613 + shift + batch / 1000
            for index, name in enumerate(names)
            for end, shift in (("", 0.0), ("_low", -0.0212), ("_high", 0.0219))
        }
        | {"flagged": 0.1871, "ppv": 0.1612, "sensitivity": 0.3547, "base_rate": 0.1089},
        "of_100": {"flagged_came_back": 3, "flagged_stayed_away": 16, "missed": 8, "left_alone": 73},
    }


def evaluation() -> dict[str, Any]:
    """The evaluation in the API's documentation, with a decision curve of two points and two fields."""
    (point,) = EVALUATION["decision_curve"]
    bins = [
        {"predicted": 0.038, "observed": {"value": 0.035, "low": 0.023, "high": 0.053}},
        {"predicted": 0.338, "observed": {"value": 0.335, "low": 0.31, "high": 0.36}},
    ]
    importances = {**EVALUATION["importances"], "race": {"increase": -0.00002, "standard_error": 0.00004}}
    return {
        **EVALUATION,
        "calibration": {**EVALUATION["calibration"], "bins": bins},
        "decision_curve": [{**point, "threshold": 0.05, "everyone": 0.07}, point],
        "importances": importances,
    }


def example_report() -> dict[str, Any]:
    """A report with content in each of its parts."""
    candidates = [
        {
            "name": candidate.name,
            "batch": 3,
            "chosen": index == 1,
            "version": "3" if index == 1 else None,
            "outcome": "promoted" if index == 1 else None,
            "fit_seconds": 1.25 + index * 7,
            "curves": curves(0.5 + index / 10),
            **figures(index),
        }
        for index, candidate in enumerate(CANDIDATES)
    ]
    days = [
        day(1, "provisional", ["first model, provisional: ROC-AUC 0.660 (0.630 to 0.690)"]),
        day(2, "refused", ["log loss 0.33111 is not below 0.32998", "ROC-AUC may fall by 0.0071, more than 0.005"]),
        day(3, "promoted", ["log loss 0.32302 against 0.32767"]),
        day(4, None, []),
    ]
    return {
        "made_at": "2026-11-25 14:30 UTC",
        "made_from": {"run": "a1b2c3", "snapshot": "0123456789abcdef", "code": "fedcba9876543210"},
        "data": {"source": "file", "rows": 4010, "batches": 4},
        "target": "within_30_days",
        "new_days": 4,
        "trained_anew": False,
        "rows": {
            **{"raw": 4010, "clean": 3810, "quarantined": 40, "excluded": 160},
            **{"train": 2667, "validation": 570, "test": 573},
        },
        "excluded": [
            {"field": "discharge_disposition_id", "reason": "the stay ended in death or hospice", "encounters": 160}
        ],
        "quarantine": [
            {"field": "age", "reason": "'<b>seven</b>' is not one of [0-10), [10-20)", "encounters": 31},
            {"field": "", "reason": "other reasons", "encounters": 9},
        ],
        "measured": {
            **{
                "level": 0.95,
                "resamples_for_candidate": 200,
                "resamples_for_verdict": 1000,
                "importances": 15,
                "smallest_count": 11,
            },
        },
        "gates": {"first_roc_auc_above": 0.55, "roc_auc_may_fall": 0.005},
        "candidates": candidates,
        "production": {
            **{"name": CANDIDATES[1].name, "model": "readmit", "version": "3", "batch": 3, "threshold": 1 / 7},
            **{"cost_ratio": 6.0, "tested_on_batch": 3, "test_rows": 431, "consulted": 3},
            "test": figures(9) | {"flagged": 0.2147, "sensitivity": 0.4149, "ppv": 0.2372, "base_rate": 0.1123},
            "of_100": {"flagged_came_back": 5, "flagged_stayed_away": 16, "missed": 6, "left_alone": 73},
            "judged": {
                **{"batch": 3, "roc_auc": 0.68, "roc_auc_low": 0.65, "roc_auc_high": 0.71, "curves": curves(0.4)},
            },
        },
        "prospective": [later_batch(2), later_batch(4)],
        "evaluation": evaluation(),
        "prediction": {"prediction": 1, "probability": 0.2871, "threshold": 1 / 7, "warnings": ["weight is absent"]},
        "days": days,
        "seconds_by_step": {step.name: 0.4 + 3.1 * index for index, step in enumerate(STEPS)},
        "seconds_of_steps": 231.25,
        "seconds": 61.4,
    }


def test_the_page_has_no_number_that_is_not_in_the_report(find_unknown_numbers: UnknownNumbers) -> None:
    report = json.loads(json.dumps(example_report()))
    assert find_unknown_numbers(report, render_page(report)) == []


@pytest.mark.parametrize("new_days", [0, 1, 4])
@pytest.mark.parametrize("trained_anew", [True, False])
def test_a_space_separates_each_sentence_from_the_one_before_it(new_days: int, trained_anew: bool) -> None:
    html = render_page(example_report() | {"new_days": new_days, "trained_anew": trained_anew})
    body = re.sub(r"<[^>]+>", "", html[html.index("<body>") :])
    assert re.findall(r"[a-z]\.[A-Z]\w*", body) == []


def test_a_number_from_elsewhere_is_detected(find_unknown_numbers: UnknownNumbers) -> None:
    report = example_report()
    for addition in ("<p>it took 77.7 s</p>", '<p><data value="0.777">0.777</data></p>'):
        assert find_unknown_numbers(report, render_page(report).replace("</main>", addition + "</main>"))
    html = render_page(report).replace(">4,010</data>", ">4,011</data>")
    assert "4,011" in find_unknown_numbers(report, html)


def visible_text(html: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL).replace("&nbsp;", " ").split())


def test_the_headline_is_of_the_newest_batch_that_the_version_had_not_learned_from() -> None:
    html = render_page(example_report())
    (head,) = re.findall(r"<h1>(.*)</h1>", html, re.DOTALL)
    assert re.sub(r"<[^>]+>", "", head).splitlines() == [
        "Of 100 discharges, it flagged 19.",
        "Of 100 flagged discharges, 16 were followed by a readmission within 30 days.",
        "Of 100 discharges that were followed by a readmission, it flagged 35.",
    ]
    text = visible_text(html)
    assert "Version 3, in production when batch 4 arrived, on all 951 included discharges of the batch" in text
    assert "which has no figures of this kind yet" not in text, "version 3 is the one in production"


def test_a_version_promoted_since_is_said_to_have_no_figures_on_later_discharges() -> None:
    report = example_report()
    report["production"]["version"] = "4"
    assert "version 4, which has no figures of this kind yet" in visible_text(render_page(report))


def test_figures_on_test_carry_how_often_its_patients_were_consulted() -> None:
    text = visible_text(render_page(example_report()))
    assert "had consulted the test patients 3 times by then" in text
    assert "test consulted 1 time" in text
    assert "test consulted 3 times" in text


def test_without_a_later_batch_the_headline_is_of_the_test_patients_and_says_so() -> None:
    html = render_page(example_report() | {"prospective": []})
    (head,) = re.findall(r"<h1>(.*)</h1>", html, re.DOTALL)
    assert "ROC-AUC on test" in html
    assert "There are no figures on later discharges yet" in visible_text(html)
    assert re.sub(r"<[^>]+>", "", head).splitlines() == [
        "Of 100 discharges, it flags 21.",
        "Of 100 flagged discharges, 24 were followed by a readmission within 30 days.",
        "Of 100 discharges that were followed by a readmission, it flagged 41.",
    ]


def test_values_of_a_batch_are_shown_as_text_and_not_as_markup() -> None:
    html = render_page(example_report())
    assert "<b>seven" not in html
    assert "&lt;b&gt;seven" in html


def test_the_page_needs_no_network_and_names_each_of_its_pictures() -> None:
    html = render_page(example_report())
    addresses = re.findall(r'(?:href|src)="([^"]*)"', html)
    assert all(address.startswith("#") for address in addresses)
    assert "@import" not in html
    assert "url(" not in html
    for picture in re.findall(r'<svg [^>]*role="img".*?</svg>', html, re.DOTALL):
        (name,) = re.findall(r'aria-labelledby="([^"]+)"', picture)
        assert f'<title id="{name}">' in picture
    assert re.findall(r'<svg (?![^>]*(?:role="img"|aria-hidden="true"))', html) == []
    identifiers = re.findall(r' id="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    assert {address[1:] for address in addresses} <= set(identifiers)


@pytest.mark.parametrize(("source", "announced"), [("sample", True), ("uci", False), ("file", False)])
def test_a_synthetic_sample_is_announced_prominently(source: str, announced: bool) -> None:
    report = example_report()
    report["data"]["source"] = source
    assert ("say nothing about patients" in render_page(report)) == announced


def without_production(report: dict[str, Any]) -> None:
    report |= {"production": None, "prediction": None, "prospective": [], "evaluation": None}


def without_later_batches(report: dict[str, Any]) -> None:
    report |= {"prospective": []}


def without_training(report: dict[str, Any]) -> None:
    without_production(report)
    report |= {"candidates": [], "days": [day(1, None, [])], "new_days": 1}


def without_anything(report: dict[str, Any]) -> None:
    without_training(report)
    report |= {"days": [], "new_days": 0, "excluded": [], "quarantine": [], "seconds_by_step": {}}
    report |= {"rows": dict.fromkeys(report["rows"], 0)}
    report["made_from"] |= {"snapshot": None, "code": None}


def without_curves(report: dict[str, Any]) -> None:
    report |= {"evaluation": None}
    report["production"]["judged"]["curves"] = None
    for candidate in report["candidates"]:
        candidate |= {"curves": None}


def without_numbers(report: dict[str, Any]) -> None:
    """NaN is null in the report."""
    for candidate in report["candidates"]:
        candidate |= dict.fromkeys(figures(0))
    report["production"]["test"] = dict.fromkeys(report["production"]["test"])
    report["production"]["of_100"] = None
    for later in report["prospective"]:
        later |= {"figures": dict.fromkeys(later["figures"]), "of_100": None}
    for name in ("roc_auc", "roc_auc_low", "roc_auc_high"):
        report["days"][0][name] = None


def without_evaluation(report: dict[str, Any]) -> None:
    """As of a version that an older release judged."""
    report |= {"evaluation": None}


def with_an_evaluation_of_few(report: dict[str, Any]) -> None:
    """Undefined figures are null."""
    undefined = dict.fromkeys(("value", "low", "high"))
    evaluation = report["evaluation"]
    evaluation["operating_point"]["ppv"] = evaluation["calibration"]["slope"] = undefined
    for group in evaluation["subgroups"]:
        group |= {"roc_auc": undefined, "observed_expected": {"value": 0.0, "low": None, "high": None}}
    for point in evaluation["decision_curve"]:
        point["reference"] = None


def evaluated_again(report: dict[str, Any]) -> None:
    report["production"]["tested_on_batch"] = 4


@pytest.mark.parametrize(
    "change",
    [
        *(without_production, without_training, without_anything, without_curves, without_numbers, evaluated_again),
        without_later_batches,
        *(without_evaluation, with_an_evaluation_of_few),
    ],
)
def test_the_page_omits_what_the_report_does_not_have(
    change: Callable[[dict[str, Any]], None], find_unknown_numbers: UnknownNumbers
) -> None:
    report = copy.deepcopy(example_report())
    change(report)
    html = render_page(report)
    assert find_unknown_numbers(report, html) == []
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    assert not re.search(r"\b(None|nan|null)\b", text)
