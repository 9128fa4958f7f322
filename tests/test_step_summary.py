"""Summaries of steps on a terminal."""

from readmit.pipeline import Facts
from readmit.step_summary import lines

VERDICT: Facts = {"version": "2", "outcome": "refused", "reason": "log loss 0.4 is not below 0.3", "roc_auc": 0.61234}


def test_each_candidate_has_its_own_line_with_its_main_figures() -> None:
    names = ("roc_auc", "roc_auc_low", "roc_auc_high", "log_loss", "ece")
    facts: Facts = {"snapshot": "a" * 64, "target": "any"}
    for candidate, value in [("lightgbm", 0.5), ("forest", 0.25)]:
        facts |= {f"{candidate}.{name}": value for name in names} | {f"{candidate}.run": "4f2a"}
    head, first, second = lines("train", facts)
    assert head.split() == ["train", "snapshot", "a" * 16 + ",", "target", "any"]
    assert first.split(maxsplit=1) == ["lightgbm", "ROC-AUC 0.5000 (0.5000 to 0.5000), log loss 0.5000"]
    assert second.index("ROC-AUC") == first.index("ROC-AUC")


def test_the_source_is_shown_with_what_was_started_and_what_else_waits() -> None:
    facts: Facts = {"word": "batch 2", "released": 5, "batches": 7, "remaining": 0}
    assert lines("check_source", facts) == ["check_source  batch 2, the source has released 5 of 7"]
    facts |= {"instance": "i-1", "instance_started": True, "remaining": 3}
    (line,) = lines("check_source", facts)
    assert line.endswith(", EC2 instance i-1 was started, more batches waiting: 3")


def test_a_verdict_is_shown_with_its_reason() -> None:
    (line,) = lines("promote", VERDICT)
    assert "verdict on version 2: refused; log loss 0.4 is not below 0.3; ROC-AUC 0.6123 on test" in line


def test_none_false_and_empty_values_are_omitted_and_counts_are_readable() -> None:
    facts: Facts = {"rows": 15_000, "changed": False, "strange_columns": "", "version": None, "sha256": "b" * 64}
    assert lines("store_raw", facts) == [f"store_raw     rows 15,000, sha256 {'b' * 16}"]


def test_a_candidates_figure_that_is_not_a_number_is_shown_as_none() -> None:
    facts: Facts = {f"forest.{name}": None for name in ("roc_auc", "roc_auc_low", "roc_auc_high", "log_loss")}
    assert lines("train", facts)[1].endswith("ROC-AUC none (none to none), log loss none")
