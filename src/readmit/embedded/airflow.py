"""`just ops::airflow-test`: one day as Airflow's DAG runs it, on the stack of `just local`, without an Airflow server.

Airflow can't be installed in the project's environment: it gets its own, built from its lock file. Its tasks run in
the project's.
"""

import filecmp
import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from readmit.embedded.environment import stack_environment
from readmit.embedded.local_stack import find_running_stack
from readmit.pipeline import DAG
from readmit.settings import SettingError
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "var/airflow"
LOCK = ROOT / "requirements/airflow.txt"


def main(options: Sequence[str]) -> int:
    """Run `airflow dags test` with options such as `--conf '{"batch": 2}'`, and return its exit code.

    Return 1 when no stack is up, or Airflow can't be prepared.
    """
    logging.disable(logging.WARNING)
    terminal = console()
    try:
        variables = find_running_stack()[1].variables
        atomic_file.make_folder(FOLDER)
        environment = stack_environment({**variables, **airflow_variables(FOLDER / "home")})
        airflow = _ensure_airflow() / "bin/airflow"
        for arguments in (("db", "migrate"), ("dags", "reserialize")):
            subprocess.run([airflow, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    except (StackError, SettingError, subprocess.CalledProcessError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    return subprocess.run([airflow, "dags", "test", DAG, *options], env=environment, check=False).returncode


def airflow_variables(home: Path) -> Mapping[str, str]:
    """Return Airflow's own settings, and those of the environment that its tasks run in."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "flows/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "READMIT_PIPELINE_PYTHON": sys.executable,
        # No scheduler would execute the run that the last task starts for the next batch.
        "READMIT_DAY_MAX_BATCHES": "1",
        "PYTHONPATH": str(ROOT / "src"),
    }


def _ensure_airflow() -> Path:
    """Return Airflow's environment, which is built once for each lock file."""
    environment, installed_lock = FOLDER / "venv", FOLDER / "venv/readmit.lock"
    if not (installed_lock.exists() and filecmp.cmp(LOCK, installed_lock, shallow=False)):
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", sys.executable, str(environment)], check=True)
        sync = ["uv", "pip", "sync", "-q", "--compile-bytecode", "--python", str(environment), str(LOCK)]
        subprocess.run(sync, check=True)
        shutil.copyfile(LOCK, installed_lock)
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
