"""`just demo` on the real file."""

import os
from pathlib import Path

import pytest

from tests.embedded.demos import StrangeNumbers, check_page, check_report, run


@pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA is unset: only the real file shows this")
def test_the_real_file_leads_to_a_model_that_reaches_the_bar(tmp_path: Path, strange_numbers: StrangeNumbers) -> None:
    said, report = run(tmp_path)
    check_report(report)
    check_page(tmp_path, report, strange_numbers)
    assert report["data"]["batches"] == 6
    assert report["production"]["test"]["roc_auc"] >= 0.675
    assert report["production"]["test"]["ece"] <= 0.015
    assert 0.95 <= report["production"]["test"]["observed_expected"] <= 1.05
    assert "Of 100 discharges it flags" in said
