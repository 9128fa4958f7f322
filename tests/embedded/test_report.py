import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from readmit.core.judging import Judged, judge
from readmit.core.version import Version
from readmit.embedded.report import report
from readmit.embedded.summary import other_aim
from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.tables import migrate
from readmit.io.source import SourceState
from readmit.settings import Settings

SOURCE = SourceState("file", rows=2, batches=2, released=2, exhausted=True)
VERSION = Version("3", "lightgbm", "any", 0.5, batch=2, snapshot="s", code="c", run_id="r")


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()


def note_training(batch: int, roc_auc: float) -> None:
    number = ledger.begin_step("run", "train", batch)
    ledger.end_step(number, batch, 1.0, {"snapshot": "s", "lightgbm.roc_auc": roc_auc, "lightgbm.brier": math.nan})


def test_candidates_are_those_of_the_last_batch_not_of_the_last_attempt() -> None:
    for batch, roc_auc in [(1, 0.60), (2, 0.65), (2, 0.66), (1, 0.61)]:
        note_training(batch, roc_auc)
    (candidate,) = report(SOURCE, "within_30_days", None, 0, None, 1.0).candidates
    assert candidate["roc_auc"] == 0.66


def test_a_figure_that_is_no_number_is_null_in_the_report() -> None:
    note_training(1, 0.60)
    said = Judged("3", 0.5, np.linspace(0.1, 0.9, 40))
    verdict = judge("any", [0, 1] * 20, [str(patient) for patient in range(40)], said, None, seed=1)
    verdict = replace(verdict, figures={"recall": 0.4, "roc_auc": math.nan})
    promotions.store(2, "any", verdict)
    told = json.loads(report(SOURCE, "within_30_days", VERSION, 1, None, 1.0).to_json(), parse_constant=pytest.fail)
    assert told["production"]["test"] == {"sensitivity": 0.4, "roc_auc": None}
    assert told["candidates"] == [{"name": "lightgbm", "roc_auc": 0.6, "brier": None}]
    assert told["target"] == "any", "the target is that of the version in production"


@pytest.mark.parametrize(
    ("target", "cost_ratio", "is_other"),
    [("any", None, False), ("any", 1.0, False), ("any", 3.0, True), ("within_30_days", 1.0, True)],
)
def test_settings_that_ask_for_what_production_is_not_for_are_told_so(
    target: str, cost_ratio: float | None, is_other: bool
) -> None:
    said = other_aim(VERSION, Settings.model_validate({"target": target, "cost_ratio": cost_ratio}))
    assert (said is not None) == is_other
    assert said is None or ("READMIT_TARGET" in said and "version 3" in said)
