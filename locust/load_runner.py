"""Makes a load: starts the users, waits until all are at it, and measures from then on."""

import gc
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
from locust.env import Environment
from locust.html import get_html_report
from locust.runners import LocalRunner
from locust.shape import LoadTestShape
from locust.stats import (
    CSV_STATS_INTERVAL_SEC,
    PERCENTILES_TO_REPORT,
    RequestStats,
    StatsCSVFileWriter,
    stats_history,
)

from errors import LoadRefused
from locustfile import USERS
from options import LoadOptions
from thresholds import Measured

START_WITHIN_SECONDS = 20
LEAST_STARTED = 50
"""A second: a handful is not worth a wait."""
OTHER_FILES = 200
"""Open ones, besides a connection for each user."""


PORTS = 25_000
"""So many a system gives to connections from one address to another, and a little less."""


def started_per_second(users: int) -> int:
    """So that all are there within 20 seconds."""
    return max(LEAST_STARTED, -(-users // START_WITHIN_SECONDS))


def most_users() -> int:
    """As many as can be connected from here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return PORTS if hard == resource.RLIM_INFINITY else min(PORTS, hard - OTHER_FILES)


def allow_connections(users: int) -> None:
    """A connection is an open file. Refused: this machine allows too few."""
    needed = users + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as error:
        raise LoadRefused(
            f"{users:,} users need {needed:,} open files, and this machine allows {hard:,}: "
            "raise that (ulimit -Hn), or ask for fewer users"
        ) from error


@contextmanager
def locust(asked: LoadOptions, host: str, shape: LoadTestShape | None = None) -> Iterator[LocalRunner]:
    """Locust, with the users that were asked for and none started; at the end all stop and the reports are written."""
    # It warns of starting more than 100 a second. Ours begin at moments of their own.
    logging.getLogger("locust.runners").setLevel(logging.ERROR)
    for each in asked.mix:
        each.waits = asked.waits
    environment = Environment(user_classes=list(asked.mix), shape_class=shape, host=host)
    # Ten thousand users stay as they are, and each look through them for waste would stop all for half a second.
    environment.events.spawning_complete.add_listener(lambda **_: gc.freeze())
    runner = environment.create_local_runner()
    asked.reports.mkdir(parents=True, exist_ok=True)
    tables = StatsCSVFileWriter(environment, PERCENTILES_TO_REPORT, str(asked.reports / "locust"))
    at_work = [gevent.spawn(stats_history, runner), gevent.spawn(tables.stats_writer)]
    try:
        yield runner
    finally:
        _stop(environment, runner)
        # The tables are written once a second: once more, with all that there is.
        gevent.sleep(1.2 * CSV_STATS_INTERVAL_SEC)
        gevent.killall(at_work)
        tables.close_files()
    _write_page(environment, asked.reports / "locust.html")
    _refuse_broken(runner)


def _stop(environment: Environment, runner: LocalRunner) -> None:
    """Whatever ends while the users stop was not measured, and stands in no report."""
    measured, environment.stats = environment.stats, RequestStats()
    runner.quit()
    environment.stats = measured


def _write_page(environment: Environment, file: Path) -> None:
    file.write_text(get_html_report(environment, show_download_link=False), encoding="utf-8")


def _refuse_broken(runner: LocalRunner) -> None:
    """Refused: a user of ours has failed, which says nothing of the API."""
    for each in runner.exceptions.values():
        raise LoadRefused(f"the users themselves failed: {each['msg']}\n{each['traceback']}")


class Window:
    """What is measured from now on, until it is asked for."""

    def __init__(self, runner: LocalRunner) -> None:
        self._runner = runner
        # The charts go on over what the figures forget.
        charts = runner.stats.history
        runner.stats.reset_all()
        runner.stats.history = charts
        self._began, self._own_cpu = time.monotonic(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def measured(self) -> Measured:
        """What has come to an end since."""
        total, seconds = self._runner.stats.total, self.seconds
        return Measured(
            users=self._runner.user_count,
            seconds=seconds,
            offered=offered(self._runner),
            requests=total.num_requests,
            failures=total.num_failures,
            median=total.median_response_time,
            p95=total.get_response_time_percentile(0.95),
            p99=total.get_response_time_percentile(0.99),
            own_cpu=(time.process_time() - self._own_cpu) / seconds,
        )


def offered(runner: LocalRunner) -> float:
    """Requests/s that the users who are there would make if an answer took no time."""
    there = runner.user_classes_count
    return sum(there.get(each.__name__, 0) / each.mean_wait() for each in USERS)


def measured(asked: LoadOptions, host: str) -> Measured:
    """One load, measured when all users are at it. Refused: they could not be started."""
    allow_connections(asked.users)
    with locust(asked, host) as runner:
        runner.start(asked.users, started_per_second(asked.users))
        assert runner.spawning_greenlet is not None
        runner.spawning_greenlet.get()
        # Until the last of them has asked at least once.
        gevent.sleep(asked.waits[1])
        print(f"All {asked.users:,} users are there; measuring for {asked.seconds:g} s.", flush=True)
        window = Window(runner)
        gevent.sleep(asked.seconds)
        return window.measured()
