"""The stack of the drill, with the committed rules and intervals, and the means to cause faults in it."""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ec2_api.sample import write_sample
from readmit.containers import secrets
from readmit.containers.flow_runs import FlowRun
from readmit.containers.rotation import MYSQL_AS_ROOT
from tests.drill.alerts import DrillError, wait_until
from tests.e2e.containers import Stack, temporary_stack
from tests.e2e.dag_runs import Airflow

NAME = "readmit-drill"
SERVICES = (
    *("ec2-api", "api", "flows", "airflow"),
    *("prometheus", "alertmanager", "pushgateway", "mysqld-exporter", "blackbox-exporter", "node-exporter"),
)
"""The services under test and those that watch them, without their dependencies."""
BATCHES, BATCH_SIZE, RELEASE_SECONDS = 32, 5_000, 200
"""The source must not be exhausted before the end of the drill: some alerts would be silent."""
QUARANTINE_BATCH, QUARANTINED_SHARE = 5, 0.03
"""Above the share that raises an alert, below the one from which a batch is rejected."""
TRIGGER = "raw_data_db.drill"
BATCH_TIMEOUT_SECONDS = 90 * 60.0


@dataclass(frozen=True, slots=True)
class DrillStack:
    """The stack, and Airflow in it."""

    stack: Stack
    airflow: Airflow

    def mysql(self, statements: str) -> None:
        """Run statements as root of the MySQL server, which the drill needs for its triggers."""
        self.stack.project.output("exec", "-T", "mysql", "bash", "-c", MYSQL_AS_ROOT, standard_input=statements)

    def on_clean(self, action: str) -> None:
        """Let MySQL run a statement when the step `clean` records its result in the ledger."""
        condition = "NOT (NEW.clean_object <=> OLD.clean_object)"
        self.mysql(
            f"DELIMITER //\nCREATE TRIGGER {TRIGGER} BEFORE UPDATE ON raw_data_db.batches FOR EACH ROW\n"
            f"IF {condition} THEN {action}; END IF//\n"
        )

    def fail_clean(self) -> None:
        """Let every attempt at `clean` fail from now on."""
        self.on_clean("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a fault of the drill'")

    def restore_clean(self) -> None:
        """End what `on_clean` began."""
        self.mysql(f"DROP TRIGGER {TRIGGER};")

    def wait_for_batch(self, batch: int) -> None:
        """Wait until the source has released a batch, and run the days of the batches before it that are not done."""
        wait_until(lambda: self.released() >= batch, f"batch {batch} was not released", BATCH_TIMEOUT_SECONDS)
        for earlier in range(self.done() + 1, batch):
            self.run_good_day(earlier)

    def released(self) -> int:
        """Return the number of released batches."""
        return int(self.stack.get("ec2-api", "/health")["released"])

    def done(self) -> int:
        """Return the number of batches that are done."""
        (row,) = self.stack.sql("SELECT COUNT(*) AS n FROM raw_data_db.batches WHERE done_at IS NOT NULL")
        return int(row["n"])

    def run_good_day(self, batch: int, train: bool = False) -> None:
        """Run a day that must succeed; without training it leaves the served model alone."""
        require_state(self.stack.run_day(batch=batch, train=train), "COMPLETED")

    def up(self, *services: str) -> None:
        """Start services and wait until they are healthy."""
        self.stack.project.output("up", "--detach", "--wait", *services)


def require_state(run: FlowRun, state: str) -> None:
    """Raises DrillError when a run did not end as expected."""
    if run.state != state:
        raise DrillError(f"{run.name} ended as {run.state}, not as {state}: {run.message}")


@contextmanager
def drill_stack() -> Iterator[DrillStack]:
    """Run the stack on free ports and empty volumes, with a model in production, and remove it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        data, secrets_folder = Path(folder) / "sample.csv", Path(folder) / "secrets"
        write_sample(data, rows=BATCHES * BATCH_SIZE)
        damage_batch(data, QUARANTINE_BATCH, QUARANTINED_SHARE)
        secrets.create_missing(secrets_folder, {})
        variables = {
            "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
            "READMIT_SOURCE_INTERVAL_SECONDS": str(RELEASE_SECONDS),
        }
        with temporary_stack(NAME, data, secrets_folder, only=SERVICES, **variables) as stack:
            drill = DrillStack(stack, Airflow(stack, (secrets_folder / "airflow_password").read_text()))
            drill.run_good_day(1, train=True)
            yield drill


def damage_batch(data: Path, batch: int, share: float) -> None:
    """Give a share of the encounters of a batch a race that does not exist."""
    with data.open(newline="") as file:
        header, *rows = csv.reader(file)
    first, race = (batch - 1) * BATCH_SIZE, header.index("race")
    for row in rows[first : first + round(share * BATCH_SIZE)]:
        row[race] = "Martian"
    with data.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
