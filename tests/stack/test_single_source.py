"""Facts that are written in two places because neither may import the other."""

from pathlib import Path

import target
from readmit.io.database.connection import COLLATION
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_settings_name_the_schedule_of_the_pipeline() -> None:
    description = str(Settings.model_fields["schedule"].description)
    assert description.endswith(f"in {TIME_ZONE}; unset: {SCHEDULE}")


def test_the_load_test_uses_the_ports_of_the_settings() -> None:
    assert (Settings().api_port, Settings().ec2_api_port) == (target.API_PORT, target.SOURCE_PORT)


def test_mlflows_database_has_the_collation_of_the_others() -> None:
    assert f"COLLATE {COLLATION}" in (ROOT / "compose/serve_mlflow.py").read_text()
