import os
import re
from pathlib import Path

import pytest

from readmit.containers import secrets
from readmit.containers.external_source import select_servers
from readmit.containers.external_stores import DATABASE_URLS, ExternalServers, select_stores
from readmit.containers.project import ROOT, ComposeService
from readmit.containers.up import UpOptions, select_services, user_secrets, without_replaced
from readmit.containers.user_project import (
    PASSED_ON,
    WEBHOOK_FILE,
    external_secrets,
    load_test_environment,
    project_of,
    secrets_folder,
)
from readmit.settings import PREFIX, SettingError, load
from readmit.stacks.certificates import make_certificate
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


CREDENTIALS = """[default]
region = us-east-1
aws_access_key_id = MINE
aws_secret_access_key = 50%

[admin]
aws_access_key_id = ADMIN
aws_secret_access_key = ADMIN
"""


def select(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ExternalServers:
    for name, value in variables.items():
        monkeypatch.setenv(f"READMIT_{name}", value)
    return select_servers(load())


def test_without_an_external_data_api_the_stack_runs_its_own() -> None:
    assert select_servers(load()) == ExternalServers((), {}, {})


def test_an_external_data_api_replaces_the_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = select(monkeypatch, SOURCE_URL="https://source.example:5001/", SOURCE_TOKEN="mine")
    assert servers.files == ("compose/own-source.yaml",)
    assert servers.secrets == {"source_token": "mine"}
    assert servers.variables == {
        "READMIT_SOURCE_URL": "https://source.example:5001",
        "READMIT_SOURCE_HEALTH": "ec2-api=https://source.example:5001/health,",
        "READMIT_SOURCE_PAGE": "ec2-api=https://source.example:5001,",
    }
    assert servers.replaced == ("ec2-api",)


def test_a_service_that_an_external_server_replaces_is_not_started_and_the_others_are() -> None:
    options = UpOptions(["ec2-api", "ui"], ["ec2-api"], with_day=True, publish_stores=False)
    assert without_replaced(options, ("ec2-api",)) == UpOptions(["ui"], [], with_day=True, publish_stores=False)
    with pytest.raises(StackError, match="^ec2-api is not started here, because the settings select an external"):
        without_replaced(UpOptions(["ec2-api"], [], with_day=True, publish_stores=False), ("ec2-api",))


def test_a_data_api_without_a_token_leaves_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert select(monkeypatch, SOURCE_URL="http://10.0.0.7:5001").secrets == {"source_token": ""}


def test_an_instance_needs_a_certificate_and_to_be_started_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StackError, match="^READMIT_SOURCE_CA is not set"):
        select(monkeypatch, EC2_INSTANCE_ID="i-0123456789abcdef0")
    (tmp_path / "ca.pem").write_text(make_certificate(("ec2-api",))[0])
    servers = select(monkeypatch, SOURCE_CA=str(tmp_path / "ca.pem"))
    names = ("own-source", "own-source-tls", "own-source-instance")
    assert servers.files == tuple(f"compose/{name}.yaml" for name in names)
    assert servers.variables["READMIT_SOURCE_URL"] == ""
    assert servers.variables["READMIT_EC2_INSTANCE_ID"] == "i-0123456789abcdef0"
    assert servers.variables["READMIT_EC2_HOURS"] == "08:55-23:55 America/Lima"
    with pytest.raises(StackError, match="^READMIT_EC2_CREDENTIALS is not set"):
        external_secrets(load())


def test_only_the_key_of_the_default_profile_is_given_to_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text(make_certificate(("ec2-api",))[0])
    select(monkeypatch, EC2_TAG="Name=readmit", SOURCE_CA=str(tmp_path / "ca.pem"))
    monkeypatch.setenv("READMIT_EC2_CREDENTIALS", str(tmp_path / "credentials"))
    assert project_of(load()).files, "without the file the stack can still be stopped"
    with pytest.raises(StackError, match="^READMIT_EC2_CREDENTIALS: .*No such file"):
        external_secrets(load())
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = A\naws_secret_access_key = B\n")
    with pytest.raises(
        StackError, match=r"has no aws_access_key_id and no aws_secret_access_key in a profile \[default\]"
    ):
        external_secrets(load())
    (tmp_path / "credentials").write_text("aws_access_key_id = A\n")
    with pytest.raises(StackError, match="^READMIT_EC2_CREDENTIALS: .*no section headers"):
        external_secrets(load())
    (tmp_path / "credentials").write_text(CREDENTIALS)
    expected = "[default]\naws_access_key_id = MINE\naws_secret_access_key = 50%\n"
    assert external_secrets(load())["ec2_credentials.ini"] == expected, "the other profiles stay on this machine"


def test_an_instance_at_a_fixed_address_needs_no_certificate_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = select(monkeypatch, EC2_TAG="Name=readmit", SOURCE_URL="https://source.example:5001")
    assert servers.files == ("compose/own-source.yaml", "compose/own-source-instance.yaml")
    assert servers.variables["READMIT_EC2_TAG"] == "Name=readmit"
    assert servers.variables["READMIT_SOURCE_URL"] == "https://source.example:5001"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_an_address_of_this_machine_alone_is_rejected_for_containers(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, address in (
        ("SOURCE_URL", f"http://{host}:5001"),
        ("S3_URL", f"http://{host}:9000"),
        ("DATABASE_URL", f"mysql://me@{host}:3306"),
    ):
        with monkeypatch.context() as patch:
            logins = {"S3_ACCESS_KEY": "me", "S3_SECRET_KEY": "mine", "DATABASE_PASSWORD": "mine"}
            with pytest.raises(StackError, match=f"^READMIT_{name}: .* is not reachable from containers"):
                select(patch, **logins, **{name: address})


def test_the_users_own_token_becomes_that_of_the_stacks_data_api(tmp_path: Path) -> None:
    secrets.create_missing(tmp_path, {})
    generated = (tmp_path / "source_token").read_text()
    assert len(generated) == 32
    secrets.create_missing(tmp_path, {}, {"source_token": "mine"})
    assert (tmp_path / "source_token").read_text() == "mine"


def test_the_token_of_an_external_data_api_is_not_that_of_the_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_TOKEN", "mine")
    assert user_secrets(load(), select_servers(load()))["source_token"] == "mine"
    monkeypatch.setenv("READMIT_SOURCE_URL", "https://source.example:5001")
    assert "source_token" not in user_secrets(load(), select_servers(load()))


def test_a_load_test_on_this_machine_gets_the_token_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_TOKEN", "another")
    environment = load_test_environment(load())
    assert environment["READMIT_SOURCE_TOKEN_FILE"] == str(secrets_folder("readmit") / "source_token")
    assert "READMIT_SOURCE_TOKEN" not in environment
    monkeypatch.setenv("READMIT_SOURCE_URL", "https://source.example:5001")
    environment = load_test_environment(load())
    assert environment["READMIT_SOURCE_TOKEN"] == "another"
    assert "READMIT_SOURCE_TOKEN_FILE" not in environment


OF_PROJECT = {
    *("READMIT_DATA", "READMIT_SECRETS", "READMIT_SOURCE_TOKEN_FILE", "READMIT_SOURCE_URL", "READMIT_SOURCE_HEALTH"),
    *("READMIT_SOURCE_PAGE", "READMIT_S3_URL", "READMIT_EC2_INSTANCE_ID", "READMIT_EC2_TAG", "READMIT_EC2_HOURS"),
    *DATABASE_URLS,
}
"""Variables of the Compose files that the project sets from the parsed settings."""
VARIABLE = r"\$\{(READMIT_\w+)|^ +(READMIT_\w+):$"


def test_every_variable_of_the_compose_files_is_passed_on_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [file.read_text() for file in sorted((ROOT / "compose").glob("*.yaml"))]
    used = {name for text in texts for pair in re.findall(VARIABLE, text, re.M) for name in pair if name}
    assert used - OF_PROJECT == set(PASSED_ON)
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    settings = load()
    for name in PASSED_ON:
        (tmp_path / name).write_text(f"{PASSED_ON.index(name)}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    project = project_of(settings)
    assert {name: project.environment()[name] for name in PASSED_ON} == {
        name: str(number) for number, name in enumerate(PASSED_ON)
    }
    assert not {f"{name}_FILE" for name in PASSED_ON} & project.environment().keys()
