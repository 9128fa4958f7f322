"""`just ops::airflow-test`: one day as Airflow's DAG has it, on the stack of `just local`, with no server of Airflow's.

Airflow can't live in our environment: it gets one of its own, made from its lock. Its tasks run in ours.
"""

import filecmp
import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from readmit.embedded.local import the_one_up
from readmit.embedded.stack import reach_the_stack_directly
from readmit.pipeline import DAG
from readmit.settings import SettingError, environment_with
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "var/airflow"
LOCK = ROOT / "requirements/airflow.txt"


def main(options: Sequence[str]) -> int:
    """The exit code of `airflow dags test`; 1: no stack is up, or Airflow can't be prepared.

    `options` of it, such as `--conf '{"batch": 2}'`.
    """
    logging.disable(logging.WARNING)
    terminal = console()
    try:
        variables = the_one_up()[1].variables
        reach_the_stack_directly()
        atomic_file.make_folder(FOLDER)
        environment = environment_with({**variables, **own_variables(FOLDER / "home")})
        airflow = _installed() / "bin/airflow"
        for prepared in (("db", "migrate"), ("dags", "reserialize")):
            subprocess.run([airflow, *prepared], env=environment, check=True, stdout=subprocess.DEVNULL)
    except (StackError, SettingError, subprocess.CalledProcessError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    return subprocess.run([airflow, "dags", "test", DAG, *options], env=environment, check=False).returncode


def own_variables(home: Path) -> Mapping[str, str]:
    """What Airflow reads by itself, and where its tasks run."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "flows/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "READMIT_PIPELINE_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT / "src"),
    }


def _installed() -> Path:
    """Airflow's environment, made once for each lock."""
    environment, holds = FOLDER / "venv", FOLDER / "venv/readmit.lock"
    if not (holds.exists() and filecmp.cmp(LOCK, holds, shallow=False)):
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", sys.executable, str(environment)], check=True)
        sync = ["uv", "pip", "sync", "-q", "--compile-bytecode", "--python", str(environment), str(LOCK)]
        subprocess.run(sync, check=True)
        shutil.copyfile(LOCK, holds)
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
