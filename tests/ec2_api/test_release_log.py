import logging
from types import SimpleNamespace

import pytest

from ec2_api.metrics import SourceMetrics
from ec2_api.release import Release
from ec2_api.release_log import ReleaseLog


def test_the_tick_logs_each_batch_once_and_sets_the_gauge(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = SourceMetrics(batches=3, rows=700)
    release_log = ReleaseLog(Release(clock.now, 60, 3), metrics, lambda: clock.now)
    with caplog.at_level(logging.INFO):
        for seconds in (0, 1, 130, 1_000, 1_000):
            clock.now += seconds
            release_log.tick()
    assert [record.message for record in caplog.records] == [
        "batch 1 of 3 is released",
        "batch 2 of 3 is released",
        "batch 3 of 3 is released",
        "exhausted: batch 3 is the last and remains the current batch",
    ]
    assert b"readmit_source_batches_released 3.0" in metrics.text()
