"""Log messages and metrics for newly released batches. The release itself depends on the time alone."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from ec2_api.metrics import SourceMetrics
from ec2_api.release import Release

log = logging.getLogger(__name__)


class ReleaseLog:
    """A log of releases: each batch is logged once."""

    def __init__(self, release: Release, metrics: SourceMetrics, clock: Callable[[], float]) -> None:
        self._release, self._metrics, self._clock = release, metrics, clock
        self._logged = 0

    def tick(self) -> None:
        """Log the batches released since the last call and set the metric."""
        now = self._clock()
        released = self._release.released(now)
        for number in range(self._logged + 1, released + 1):
            log.info("batch %d of %d is released", number, self._release.total)
        if released > self._logged and self._release.exhausted(now):
            log.info("exhausted: batch %d is the last and remains the current batch", released)
        self._metrics.set_released(released)
        self._logged = released

    def scheduler(self) -> BackgroundScheduler:
        """Return a scheduler that calls `tick` at every release time. It keeps running after the last batch."""
        scheduler = BackgroundScheduler(timezone=UTC)
        if self._release.interval_seconds:
            start = datetime.fromtimestamp(self._release.started_at, UTC)
            trigger = IntervalTrigger(seconds=self._release.interval_seconds, start_date=start, timezone=UTC)
            scheduler.add_job(self.tick, trigger, coalesce=True, misfire_grace_time=None)
        return scheduler
