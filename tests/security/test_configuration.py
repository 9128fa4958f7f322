"""Security settings in the Compose files, for services that these tests can't start."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from readmit.containers import secrets
from readmit.containers.flow_runs import PrefectServer, prefect_server
from readmit.containers.project import ComposeService, Port, Project
from readmit.containers.status import LOGIN_HINTS
from readmit.stacks.errors import StackError
from tests.stack.compose_files import ROOT, services

SERVICES = services()
BEFORE_LOGINS = ("prefect_password", "prefect_login", "prefect_profiles.toml", "locust_password")
"""Secrets missing from folders created before these services had a login."""


def test_grafana_is_read_only_without_a_login_and_trusts_no_other_origin() -> None:
    environment = SERVICES["grafana"].environment
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert environment["GF_SECURITY_ALLOW_EMBEDDING"] == "false"
    assert environment["GF_SECURITY_COOKIE_SAMESITE"] == "strict"
    assert environment["GF_SECURITY_CSRF_ALWAYS_CHECK"] == "true"
    assert environment["GF_SECURITY_CONTENT_SECURITY_POLICY"] == "true"
    assert environment["GF_SECURITY_X_CONTENT_TYPE_OPTIONS"] == "true"
    assert environment["GF_SERVER_ENFORCE_DOMAIN"] == "true"
    assert environment["GF_SERVER_DOMAIN"] in environment["GF_SERVER_ROOT_URL"]
    assert not {
        name for name in environment if name.startswith(("GF_AUTH_PROXY", "GF_AUTH_JWT", "GF_SECURITY_CSRF_TRUSTED"))
    }


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://127.0.0.1:9090", True),
        ("http://localhost:9090", True),
        ("http://evil.example", False),
        ("http://127.0.0.1:9090.evil.example", False),
        ("http://127a0b0c1:9090", False),
        ("null", False),
    ],
)
def test_prometheus_grants_only_its_own_origin(origin: str, is_own: bool) -> None:
    (option,) = [argument for argument in SERVICES["prometheus"].config["command"] if "--web.cors.origin=" in argument]
    pattern = option.partition("=")[2].replace("${READMIT_PROMETHEUS_PORT:-9090}", "9090")
    assert (re.fullmatch(pattern, origin) is not None) == is_own


def test_prometheus_has_no_admin_routes_and_sends_security_headers() -> None:
    command = SERVICES["prometheus"].config["command"]
    forbidden = (
        *("--web.enable-lifecycle", "--web.enable-admin-api", "--web.enable-remote-write-receiver"),
        "--web.enable-otlp-receiver",
    )
    assert not [argument for argument in command if argument.startswith(forbidden)]
    assert "--web.config.file=/etc/prometheus/web.yml" in command
    headers = yaml.safe_load((ROOT / "grafana/web.yml").read_text())["http_server_config"]["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_airflow_grants_no_other_origin_and_makes_nobody_admin_by_default() -> None:
    names = set(SERVICES["airflow"].environment)
    assert not {name for name in names if name.startswith("AIRFLOW__API__ACCESS_CONTROL")}
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in names


@pytest.mark.parametrize("name", ["prefect", "locust", "airflow", "grafana"])
def test_status_names_the_file_of_a_login(name: str, tmp_path: Path) -> None:
    secrets.create_missing(tmp_path, {})
    file = Path(LOGIN_HINTS[name].format(tmp_path).rpartition(" ")[2])
    assert file.read_text()


def test_prefect_and_its_clients_read_one_login_from_a_file(tmp_path: Path) -> None:
    secrets.create_missing(tmp_path, {})
    profiles = tomllib.loads((tmp_path / "prefect_profiles.toml").read_text())
    profile = profiles["profiles"][profiles["active"]]
    login = (tmp_path / secrets.PREFECT_LOGIN).read_text()
    assert profile == {"PREFECT_SERVER_API_AUTH_STRING": login, "PREFECT_API_AUTH_STRING": login}
    users = [name for name, service in SERVICES.items() if "prefect_profiles" in service.config.get("secrets", [])]
    assert users == ["prefect", "flows"]
    for name in users:
        assert SERVICES[name].environment["PREFECT_PROFILES_PATH"] == "/run/secrets/prefect_profiles"


def test_prefect_trusts_only_its_own_origin() -> None:
    environment = str(SERVICES["prefect"].environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"])
    port = "${READMIT_PREFECT_PORT:-4200}"
    assert environment.split(",") == [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]


def test_missing_secrets_of_an_older_stack_are_added_and_the_rest_is_kept(tmp_path: Path) -> None:
    secrets.create_missing(tmp_path, {})
    for name in BEFORE_LOGINS:
        (tmp_path / name).unlink()
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}
    secrets.create_missing(tmp_path, {})
    after = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert after.items() >= before.items()
    assert after.keys() - before.keys() == set(BEFORE_LOGINS)


def test_without_its_login_file_prefect_is_not_contacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = ComposeService("prefect", "image", 1.0, (), (Port("prefect", 4200),), built=False)
    monkeypatch.setattr(Project, "services", lambda _: [service])
    project = Project("name", {"READMIT_SECRETS": str(tmp_path)})
    with pytest.raises(StackError, match="prefect_login, .*, is missing: run `just up` to create it"):
        prefect_server(project)
    (tmp_path / secrets.PREFECT_LOGIN).write_text("admin:x")
    assert prefect_server(project) == PrefectServer("http://127.0.0.1:4200", "admin:x")
    assert "admin:x" not in repr(prefect_server(project))
