"""Run a load: start the users, wait until all are active, then measure."""

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

RAMP_UP_SECONDS = 20
MIN_SPAWN_RATE = 50
"""Users per second."""
RESERVED_FILES = 200
"""Open files besides one connection per user."""
MAX_PORTS = 25_000
"""Slightly below the number of ephemeral ports between two addresses."""


def spawn_rate(users: int) -> int:
    """Return the users to start per second, so that all run within RAMP_UP_SECONDS."""
    return max(MIN_SPAWN_RATE, -(-users // RAMP_UP_SECONDS))


def connectable_users() -> int:
    """Return the number of users that this machine can connect."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_PORTS if hard == resource.RLIM_INFINITY else min(MAX_PORTS, hard - RESERVED_FILES)


def allow_connections(users: int) -> None:
    """Raise the limit of open files to one per user. Raises LoadRefused when the hard limit is too low."""
    needed = users + RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as error:
        raise LoadRefused(
            f"{users:,} users need {needed:,} open files, but the hard limit is {hard:,}: "
            "raise it (ulimit -Hn) or use fewer users"
        ) from error


@contextmanager
def running_locust(options: LoadOptions, host: str, shape: LoadTestShape | None = None) -> Iterator[LocalRunner]:
    """Yield a runner with no users started; on exit stop all users and write the reports."""
    # Locust warns about more than 100 users per second; ours start at random times.
    logging.getLogger("locust.runners").setLevel(logging.ERROR)
    for user_class in options.mix:
        user_class.waits = options.waits
    environment = Environment(user_classes=list(options.mix), shape_class=shape, host=host)
    # Users live until the end; a garbage collection over 10,000 of them would pause all for half a second.
    environment.events.spawning_complete.add_listener(lambda **_: gc.freeze())
    runner = environment.create_local_runner()
    options.reports.mkdir(parents=True, exist_ok=True)
    stats_writer = StatsCSVFileWriter(environment, PERCENTILES_TO_REPORT, str(options.reports / "locust"))
    greenlets = [gevent.spawn(stats_history, runner), gevent.spawn(stats_writer.stats_writer)]
    try:
        yield runner
    finally:
        _stop(environment, runner)
        # The CSV files are written once a second: wait for a last write.
        gevent.sleep(1.2 * CSV_STATS_INTERVAL_SEC)
        gevent.killall(greenlets)
        stats_writer.close_files()
    _write_html_report(environment, options.reports / "locust.html")
    _check_exceptions(runner)


def _stop(environment: Environment, runner: LocalRunner) -> None:
    """Stop the users; requests that end meanwhile are not in the reports."""
    measured, environment.stats = environment.stats, RequestStats()
    runner.quit()
    environment.stats = measured


def _write_html_report(environment: Environment, file: Path) -> None:
    file.write_text(get_html_report(environment, show_download_link=False), encoding="utf-8")


def _check_exceptions(runner: LocalRunner) -> None:
    """Raise LoadRefused when a user raised an exception: a fault of the test, not of the API."""
    for error in runner.exceptions.values():
        raise LoadRefused(f"a user of the load test raised an exception: {error['msg']}\n{error['traceback']}")


class Window:
    """A measurement that starts now."""

    def __init__(self, runner: LocalRunner) -> None:
        self._runner = runner
        # Keep the history for the charts.
        charts = runner.stats.history
        runner.stats.reset_all()
        runner.stats.history = charts
        self._started_at, self._cpu_at_start = time.monotonic(), time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def result(self) -> Measured:
        """Return the measurements of all requests that ended since the start."""
        total, seconds = self._runner.stats.total, self.seconds
        return Measured(
            users=self._runner.user_count,
            seconds=seconds,
            offered=offered_rate(self._runner),
            requests=total.num_requests,
            failures=total.num_failures,
            median=total.median_response_time,
            p95=total.get_response_time_percentile(0.95),
            p99=total.get_response_time_percentile(0.99),
            own_cpu=(time.process_time() - self._cpu_at_start) / seconds,
        )


def offered_rate(runner: LocalRunner) -> float:
    """Return the requests/s of the running users if responses took no time."""
    counts = runner.user_classes_count
    return sum(counts.get(user_class.__name__, 0) / user_class.mean_wait() for user_class in USERS)


def measure_load(options: LoadOptions, host: str) -> Measured:
    """Run one load and measure it once all users are active. Raises LoadRefused when they can't be started."""
    allow_connections(options.users)
    with running_locust(options, host) as runner:
        runner.start(options.users, spawn_rate(options.users))
        assert runner.spawning_greenlet is not None
        runner.spawning_greenlet.get()
        # Until the last of them has sent at least one request.
        gevent.sleep(options.waits[1])
        print(f"All {options.users:,} users are running; measuring for {options.seconds:g} s.", flush=True)
        window = Window(runner)
        gevent.sleep(options.seconds)
        return window.result()
