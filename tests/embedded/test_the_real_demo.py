"""`just demo` on the real file."""

import os
from pathlib import Path

import pytest

from tests.embedded.demos import UnknownNumbers, check_page, check_report, run


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA is unset: only the real file shows this")
def test_the_real_file_leads_to_a_model_that_meets_the_requirements(
    tmp_path: Path, find_unknown_numbers: UnknownNumbers
) -> None:
    # In two batches: the last day trains on all encounters, as it does after six, and fewer days take less time.
    output, report = run(tmp_path, READMIT_SOURCE_BATCH_SIZE="45000")
    check_report(report)
    check_page(tmp_path, report, find_unknown_numbers)
    assert report["data"]["batches"] == 2
    assert report["production"]["test"]["roc_auc"] >= 0.675
    assert report["production"]["test"]["ece"] <= 0.015
    assert 0.95 <= report["production"]["test"]["observed_expected"] <= 1.05
    (later,) = report["prospective"]
    assert 0.655 <= later["figures"]["roc_auc"] <= 0.70
    assert "Version 1, on batch 2 before anything was learned from it: ROC-AUC 0.6" in output
    assert "Of 100 discharges, it flagged" in output
