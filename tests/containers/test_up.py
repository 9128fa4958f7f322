import pytest

from readmit.containers.external_stores import DATABASE_URLS, chosen
from readmit.containers.project import ComposeService
from readmit.containers.up import UpOptions, wanted_of
from readmit.settings import load
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


def wanted(*only: str, without: tuple[str, ...] = ()) -> list[str]:
    return wanted_of(SERVICES, UpOptions(only, without, with_day=True, publish_stores=False))


def test_all_are_started_if_none_is_named() -> None:
    assert wanted() == ["api", "grafana", "mlflow", "mysql", "ui"]


def test_those_that_are_named_are_started_with_what_they_need() -> None:
    assert wanted("api") == ["api", "mlflow", "mysql"]


def test_one_can_be_left_out() -> None:
    assert wanted(without=("grafana",)) == ["api", "mlflow", "mysql", "ui"]


def test_what_another_one_needs_can_not_be_left_out_alone() -> None:
    with pytest.raises(StackError, match=r"^api needs mlflow: leave api out, too \(--without api\)$"):
        wanted(without=("mlflow",))
    assert wanted(without=("mlflow", "api", "ui")) == ["grafana", "mysql"]


def test_a_service_that_there_is_not_is_named() -> None:
    with pytest.raises(StackError, match=r"^there is no service grafna; there are mysql, mlflow, api, ui, grafana$"):
        wanted(without=("grafna",))


def test_without_servers_of_ones_own_the_stack_has_all() -> None:
    stores = chosen(load())
    assert (stores.files, dict(stores.secrets), dict(stores.variables)) == ((), {}, {})


def test_a_mysql_server_of_ones_own_takes_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    stores = chosen(load())
    assert stores.files == ("compose/own-mysql.yaml",)
    assert stores.variables == dict.fromkeys(DATABASE_URLS, "mysql://me@db.example:3306")
    assert set(stores.secrets.values()) == {"mine"}


def test_an_s3_server_of_ones_own_takes_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_S3_URL", "https://s3.example")
    monkeypatch.setenv("READMIT_S3_ACCESS_KEY", "me")
    monkeypatch.setenv("READMIT_S3_SECRET_KEY", "mine")
    stores = chosen(load())
    assert stores.files == ("compose/own-s3.yaml",)
    assert stores.secrets == {"s3_access_key": "me", "s3_secret_key": "mine"}


def test_a_server_of_ones_own_without_its_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    with pytest.raises(StackError, match="^READMIT_DATABASE_PASSWORD is not set, and the server of your own needs it$"):
        chosen(load())


def test_sqlite_is_no_server_for_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "sqlite:///var/local/db")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    with pytest.raises(StackError, match="is no MySQL server, and containers need one; unset it"):
        chosen(load())
