from dataclasses import replace

import pytest

from thresholds import LoadLimits, Measured, check_thresholds, table

LIMITS = LoadLimits(errors=0.01, p95=400, p99=1000, share=0.95)
GOOD = Measured(users=100, seconds=10, offered=20, requests=200, failures=0, median=5, p95=20, p99=40, own_cpu=0.1)


@pytest.mark.parametrize(
    ("measured", "failing"),
    [
        (GOOD, []),
        (replace(GOOD, failures=2), []),
        (replace(GOOD, failures=3), ["error rate"]),
        (replace(GOOD, p95=400, p99=999), ["p95"]),
        (replace(GOOD, p99=1000), ["p99"]),
        (replace(GOOD, requests=190), []),
        (replace(GOOD, requests=189), ["offered rate"]),
        (replace(GOOD, requests=0, p95=0, p99=0), ["offered rate"]),
    ],
)
def test_a_threshold_fails_only_by_its_own_measurement(measured: Measured, failing: list[str]) -> None:
    assert [threshold.name for threshold in check_thresholds(measured, LIMITS) if not threshold.holds] == failing


def test_the_table_shows_each_threshold_with_its_measurement() -> None:
    lines = table(check_thresholds(replace(GOOD, p95=1234), LIMITS)).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["threshold", "error rate", "p95", "p99", "offered rate"]
    assert lines[2].split() == ["p95", "1,234", "ms", "under", "400", "ms", "FAIL"]
