from pathlib import Path

import pytest

from readmit.containers.external_stores import DATABASE_URLS, select_stores
from readmit.containers.project import ComposeService
from readmit.containers.up import UpOptions, select_services
from readmit.containers.user_project import WEBHOOK_FILE, external_secrets, project_of
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError


def service(name: str, *needs: str) -> ComposeService:
    return ComposeService(name, "image", 1.0, needs, (), built=True)


SERVICES = [
    service("mysql"),
    service("mlflow", "mysql"),
    service("api", "mlflow"),
    service("ui", "api"),
    service("grafana"),
]


def selected(*only: str, without: tuple[str, ...] = ()) -> list[str]:
    return select_services(SERVICES, UpOptions(only, without, with_day=True, publish_stores=False))


def test_all_services_are_started_if_none_is_named() -> None:
    assert selected() == ["api", "grafana", "mlflow", "mysql", "ui"]


def test_named_services_are_started_with_their_dependencies() -> None:
    assert selected("api") == ["api", "mlflow", "mysql"]


def test_a_service_can_be_left_out() -> None:
    assert selected(without=("grafana",)) == ["api", "mlflow", "mysql", "ui"]


def test_a_dependency_cannot_be_left_out_alone() -> None:
    with pytest.raises(StackError, match=r"^api needs mlflow: also leave out api \(--without api\)$"):
        selected(without=("mlflow",))
    assert selected(without=("mlflow", "api", "ui")) == ["grafana", "mysql"]


def test_an_unknown_service_is_reported() -> None:
    with pytest.raises(StackError, match=r"^unknown service grafna; known services: mysql, mlflow, api, ui, grafana$"):
        selected(without=("grafna",))


def test_without_external_servers_the_stack_runs_its_own() -> None:
    stores = select_stores(load())
    assert (stores.files, dict(stores.secrets), dict(stores.variables)) == ((), {}, {})


def test_an_external_mysql_server_replaces_the_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    stores = select_stores(load())
    assert stores.files == ("compose/own-mysql.yaml",)
    assert stores.variables == dict.fromkeys(DATABASE_URLS, "mysql://me@db.example:3306")
    assert set(stores.secrets.values()) == {"mine"}


def test_an_external_s3_server_replaces_the_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_S3_URL", "https://s3.example")
    monkeypatch.setenv("READMIT_S3_ACCESS_KEY", "me")
    monkeypatch.setenv("READMIT_S3_SECRET_KEY", "mine")
    stores = select_stores(load())
    assert stores.files == ("compose/own-s3.yaml",)
    assert stores.secrets == {"s3_access_key": "me", "s3_secret_key": "mine"}


def test_an_external_server_without_its_password_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    with pytest.raises(
        StackError, match="^READMIT_DATABASE_PASSWORD is not set, but your external server requires it$"
    ):
        select_stores(load())


def test_sqlite_is_rejected_for_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "sqlite:///var/local/db")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    with pytest.raises(StackError, match="is not the URL of a MySQL server, which containers require"):
        select_stores(load())


def test_without_a_webhook_no_alerts_are_sent() -> None:
    assert project_of(load()).files == ()
    assert external_secrets(load()) == {}


def test_the_webhook_for_alerts_is_read_from_the_file_that_the_setting_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "webhook").write_text("https://alerts.example/hook\n")
    monkeypatch.setenv("READMIT_ALERT_WEBHOOK_FILE", str(tmp_path / "webhook"))
    assert project_of(load()).files == (WEBHOOK_FILE,)
    assert external_secrets(load()) == {"alert_webhook": "https://alerts.example/hook"}


def test_a_file_with_more_than_the_address_of_the_webhook_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "webhook").write_text("https://alerts.example/hook\nhttps://alerts.example/other\n")
    monkeypatch.setenv("READMIT_ALERT_WEBHOOK_FILE", str(tmp_path / "webhook"))
    with pytest.raises(
        SettingError, match="^READMIT_ALERT_WEBHOOK: .*not one line of printable ASCII, as HTTP requires$"
    ):
        load()
