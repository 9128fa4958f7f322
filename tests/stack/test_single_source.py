"""Facts that stand in two places because neither may import the other."""

from pathlib import Path

import target
from readmit.io.database.connection import COLLATION
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_settings_name_the_schedule_that_the_table_has() -> None:
    told = str(Settings.model_fields["schedule"].description)
    assert told.endswith(f"in {TIME_ZONE}; unset: {SCHEDULE}")


def test_the_load_looks_for_the_apis_where_the_settings_have_them() -> None:
    assert (Settings().api_port, Settings().ec2_api_port) == (target.API_PORT, target.SOURCE_PORT)


def test_mlflows_database_compares_text_as_the_others_do() -> None:
    assert f"COLLATE {COLLATION}" in (ROOT / "compose/serve_mlflow.py").read_text()
