"""Faults of the days: steps and runs that fail, batches in quarantine or not taken, and flows that do not run.

Their days end without training, so that the model that the other faults are about stays in production.
"""

from typing import ClassVar

from readmit.containers import flow_runs
from readmit.containers.flow_runs import FlowRun
from readmit.stacks.errors import StackError
from tests.drill.alerts import DrillError, ExpectedAlert, wait_until
from tests.drill.drill_stack import QUARANTINE_BATCH, DrillStack, require_state
from tests.drill.fault import Fault

FAILED_STEP = ExpectedAlert("DayFailed", {"step": "clean"})
FAILED_RUN = ExpectedAlert("DayFailed", {"run": "failed"})
MAX_BACKLOG = 2
"""Batches that may wait without an alert (grafana/rules.yml)."""
PAUSE_IN_CLEAN_SECONDS = 45
START_TIMEOUT_SECONDS = 120.0


class _CleanFails(Fault):
    """The step `clean` of a batch fails on every attempt, and then a day on the same batch succeeds."""

    def __init__(self, drill: DrillStack, batch: int) -> None:
        self._drill, self._batch = drill, batch

    def inject(self) -> None:
        """Run a day that fails."""
        self._drill.wait_for_batch(self._batch)
        self._drill.fail_clean()
        self._run_day()

    def recover(self) -> None:
        """Remove the cause and run the day again."""
        self._drill.restore_clean()
        self._drill.run_good_day(self._batch)

    def _run_day(self) -> None:
        raise NotImplementedError


class CleanFailsInPrefect(_CleanFails):
    """The day is a flow run."""

    title = "`clean` fails, in a run of Prefect"
    expect: ClassVar = FAILED_RUN

    def _run_day(self) -> None:
        require_state(self._drill.stack.run_day(batch=self._batch, train=False), "FAILED")


class CleanFailsInAirflow(_CleanFails):
    """The day is a run of Airflow's DAG."""

    title = "`clean` fails, in a run of Airflow"
    expect: ClassVar = FAILED_STEP

    def _run_day(self) -> None:
        airflow = self._drill.airflow
        run = airflow.wait_for_end(airflow.start(batch=self._batch, train=False))
        if run.tasks["clean"] != "failed":
            raise DrillError(f"`clean` ended as {run.tasks['clean']} in Airflow, not as failed")


class CleanFailsInCommand(_CleanFails):
    """The day is run by the command line, without an orchestrator."""

    title = "`clean` fails, in `readmit day`"
    expect: ClassVar = FAILED_STEP

    def _run_day(self) -> None:
        command = ("python", "-m", "readmit.cli", "day", "--batch", str(self._batch), "--train", "no")
        try:
            self._drill.stack.project.output("exec", "-T", "flows", *command)
        except StackError:
            return
        raise DrillError("`readmit day` succeeded, although `clean` fails")


class QuarantineFilled(Fault):
    """Too many encounters of a batch violate the data contract; those of the next batch do not."""

    title = "3 % of a batch is in quarantine"
    expect: ClassVar = ExpectedAlert("QuarantineHigh")

    def __init__(self, drill: DrillStack) -> None:
        self._drill = drill

    def inject(self) -> None:
        """Run the day of the batch."""
        self._drill.wait_for_batch(QUARANTINE_BATCH)
        self._drill.run_good_day(QUARANTINE_BATCH)

    def recover(self) -> None:
        """Run the day of the next batch."""
        self._drill.wait_for_batch(QUARANTINE_BATCH + 1)
        self._drill.run_good_day(QUARANTINE_BATCH + 1)


class FlowsAndPrefectKilled(Fault):
    """Flows and Prefect's server are killed with SIGKILL while a day runs, and start again at once."""

    title = "flows and Prefect's server are killed (-9) during a day"
    expect: ClassVar = FAILED_RUN

    def __init__(self, drill: DrillStack, batch: int) -> None:
        self._drill, self._batch = drill, batch
        self._run: FlowRun | None = None

    def inject(self) -> None:
        """Kill both while `clean` runs, and start them as the engine does after a crash."""
        stack = self._drill.stack
        self._drill.wait_for_batch(self._batch)
        self._drill.on_clean(f"DO SLEEP({PAUSE_IN_CLEAN_SECONDS})")
        self._run = flow_runs.start(stack.prefect, {"batch": self._batch, "train": False})
        wait_until(lambda: self._is_cleaning(), "`clean` did not start", START_TIMEOUT_SECONDS)
        stack.project.output("kill", "flows", "prefect")
        self._drill.up("prefect", "flows")

    def recover(self) -> None:
        """Run the day again, once its run counts as crashed."""
        if self._run is None:
            raise DrillError("the run that was to be killed was not started")
        require_state(flow_runs.refresh(self._drill.stack.prefect, self._run), "CRASHED")
        self._drill.restore_clean()
        self._drill.run_good_day(self._batch)

    def _is_cleaning(self) -> bool:
        query = f"SELECT COUNT(*) AS n FROM raw_data_db.step_runs WHERE batch = {self._batch} AND step = 'clean'"
        (row,) = self._drill.stack.sql(query)
        return row["n"] != "0"


class FlowsStopped(Fault):
    """No day can start."""

    title = "flows are stopped"
    expect: ClassVar = ExpectedAlert("ServiceDown", {"job": "flows"})

    def __init__(self, drill: DrillStack) -> None:
        self._drill = drill

    def inject(self) -> None:
        """Stop them."""
        self._drill.stack.project.output("stop", "flows")

    def recover(self) -> None:
        """Start them."""
        self._drill.up("flows")


class BatchesHeldBack(Fault):
    """Released batches are not taken: the other faults of the lane use fewer than the source releases meanwhile."""

    title = "more than two released batches are held back"
    expect: ClassVar = ExpectedAlert("Backlog")

    def __init__(self, drill: DrillStack) -> None:
        self._drill = drill

    def inject(self) -> None:
        """Wait until too many batches wait, as Prometheus sees it."""
        wait_until(lambda: self._seen_backlog() > MAX_BACKLOG, "no batches are held back")

    def recover(self) -> None:
        """Run days until no batch waits."""
        while self._drill.released() > (done := self._drill.done()):
            self._drill.run_good_day(done + 1)

    def _seen_backlog(self) -> float:
        query = "max(readmit_source_batches_released) - max(readmit_batches_done) - max(readmit_batches_set_aside)"
        result = self._drill.stack.get("prometheus", "/api/v1/query", query=query)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0
