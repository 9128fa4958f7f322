"""Rows in the database as pipeline runs leave them, written directly."""

import polars as pl

from readmit.core.card.training_facts import TrainingFacts
from readmit.core.cleaning import CLEAN_SCHEMA
from readmit.core.encounter import ENCOUNTER, OUTCOME, PATIENT
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.io.database import ledger, promotions, rows


def store_step(run_id: str, name: str, batch: int, outcome: dict[str, object] | str | None = None) -> None:
    number = ledger.start_step(run_id, name, batch)
    if outcome is not None:
        ledger.finish_step(number, batch, 1.5, outcome)


def store_verdict(version: str, promoted: bool = True, training: TrainingFacts | None = None) -> None:
    curve = ((0.0, 0.0), (1.0, 1.0))
    figures = {"roc_auc": 0.68, "log_loss": float("nan")}
    verdict = Verdict(
        *(promoted, False, ("better",), version, "1", figures, {"roc_auc": 0.67}),
        *(Interval(0.66, 0.70), Interval(0.65, 0.69), Interval(-0.01, 0.02), Curves(curve, curve, curve)),
    )
    promotions.store_verdict(2, "within_30_days", verdict, training)


def store_encounters() -> None:
    """Store two batches: 700 women, 500 men and three encounters of unknown sex."""
    sexes = ["Female"] * 700 + ["Male"] * 500 + ["Unknown/Invalid"] * 3
    height = len(sexes)
    columns = {
        ENCOUNTER: list(range(height)),
        PATIENT: list(range(height)),
        "gender": sexes,
        "diag_1": [("428", "250.83", None)[place % 3] for place in range(height)],
        OUTCOME: [("<30", ">30", "NO", "NO")[place % 4] for place in range(height)],
    }
    frame = pl.DataFrame({name: [None] * height for name in CLEAN_SCHEMA} | columns, schema=CLEAN_SCHEMA)
    rows.replace_clean(1, frame.head(600))
    rows.replace_clean(2, frame.tail(height - 600))
