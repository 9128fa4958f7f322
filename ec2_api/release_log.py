"""The tick: says in the log and in the metrics which batches are newly out. It releases nothing itself."""

# APScheduler 3 carries no annotations.

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from ec2_api.metrics import SourceMetrics
from ec2_api.release import Release

log = logging.getLogger(__name__)


class ReleaseLog:
    """Remembers what it has told; `tick` tells the rest."""

    def __init__(self, release: Release, metrics: SourceMetrics, clock: Callable[[], float]) -> None:
        self._release, self._metrics, self._clock = release, metrics, clock
        self._told = 0

    def tick(self) -> None:
        now = self._clock()
        out = self._release.released(now)
        for number in range(self._told + 1, out + 1):
            log.info("batch %d of %d is released", number, self._release.total)
        if out > self._told and self._release.exhausted(now):
            log.info("exhausted: batch %d was the last one and stays the current one", out)
        self._metrics.released(out)
        self._told = out

    def scheduler(self) -> BackgroundScheduler:
        """Ticks at every moment of release, for ever: after the last one a tick finds nothing new."""
        scheduler = BackgroundScheduler(timezone=UTC)
        if self._release.interval_seconds:
            begun = datetime.fromtimestamp(self._release.started_at, UTC)
            trigger = IntervalTrigger(seconds=self._release.interval_seconds, start_date=begun, timezone=UTC)
            scheduler.add_job(self.tick, trigger, coalesce=True, misfire_grace_time=None)
        return scheduler
