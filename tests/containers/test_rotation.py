from pathlib import Path

import pytest
from rich.console import Console

from readmit.containers import secrets
from readmit.containers.project import Project
from readmit.containers.rotation import rotate
from readmit.stacks.errors import StackError


def changed_by(folder: Path, name: str) -> set[str]:
    secrets.make(folder, {})
    return {file.name for file in secrets.replace(folder, {name: "another"})}


def test_what_is_derived_from_a_secret_changes_with_it(tmp_path: Path) -> None:
    assert changed_by(tmp_path, "exporter_password") == {"exporter_password", "exporter.cnf", "mysql_health.cnf"}
    assert changed_by(tmp_path, "s3_secret_key") == {"s3_secret_key", "s3_login.ini"}
    assert changed_by(tmp_path, "prefect_password") == {"prefect_password", "prefect_login", "prefect_profiles.toml"}
    assert changed_by(tmp_path, "reload_token") == {"reload_token"}


def test_the_certificate_is_made_anew_with_its_key(tmp_path: Path) -> None:
    assert changed_by(tmp_path, secrets.CERTIFICATE) == {secrets.INNER_CERTIFICATE, secrets.INNER_KEY}


def test_a_secret_that_there_is_not_is_refused_before_anything_happens(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^there is no secret password; there are airflow_password, "):
        rotate(Project("readmit-unused", {}), tmp_path, ["password"], Console(quiet=True))
