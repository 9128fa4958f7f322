from pathlib import Path

import pytest
from rich.console import Console

from readmit.containers import secrets
from readmit.containers.project import Project
from readmit.containers.rotation import rotate
from readmit.stacks.errors import StackError


def changed_by(folder: Path, name: str) -> set[str]:
    secrets.create_missing(folder, {})
    return {file.name for file in secrets.replace(folder, {name: "another"})}


def test_files_derived_from_a_secret_change_with_it(tmp_path: Path) -> None:
    assert changed_by(tmp_path, "exporter_password") == {"exporter_password", "exporter.cnf", "mysql_health.cnf"}
    assert changed_by(tmp_path, "s3_secret_key") == {"s3_secret_key", "s3_login.ini"}
    assert changed_by(tmp_path, "prefect_password") == {"prefect_password", "prefect_login", "prefect_profiles.toml"}
    assert changed_by(tmp_path, "reload_token") == {"reload_token"}


def test_the_certificate_is_regenerated_with_its_key(tmp_path: Path) -> None:
    assert changed_by(tmp_path, secrets.INNER_CERTIFICATE_NAME) == {secrets.INNER_CERTIFICATE, secrets.INNER_KEY}


def test_an_unknown_secret_is_rejected_before_anything_changes(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^unknown secret password; known secrets: airflow_password, "):
        rotate(Project("readmit-unused", {"READMIT_SECRETS": str(tmp_path)}), ["password"], Console(quiet=True))


def test_a_secret_that_an_older_version_did_not_have_is_missed_before_anything_changes(tmp_path: Path) -> None:
    secrets.create_missing(tmp_path, {})
    (tmp_path / "source_token").unlink()
    with pytest.raises(StackError, match="^source_token missing in .*: run `just up`, which creates it"):
        rotate(Project("readmit-unused", {"READMIT_SECRETS": str(tmp_path)}), ["reload_token"], Console(quiet=True))
