"""The overlay that `just k3s::up` writes: settings, refusals, and what is annotated."""

import base64
import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from k3s import kustomization, overlay
from k3s.base.await_services import accepts_connections
from k3s.cluster_settings import ClusterSettings
from k3s.image_delivery import full_name
from k3s.manifests import Workload
from readmit.containers import secrets
from readmit.settings import PREFIX, SettingError
from readmit.stacks.errors import StackError

HOSTS = ("READMIT_INGRESS_API_HOST", "READMIT_INGRESS_UI_HOST")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of whoever runs the tests, such as READMIT_DATA."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the overlay, with secrets."""
    monkeypatch.setattr(overlay, "ROOT", tmp_path)
    folder = overlay.folder_of("readmit")
    secrets.create_missing(folder / "secrets", {})
    return folder


def test_settings_of_the_user_are_passed_on_and_empty_ones_are_not(folder: Path) -> None:
    selected = overlay.select_overlay(
        ClusterSettings.from_environment(), {"READMIT_TARGET": "any", "READMIT_SCHEDULE": "", "HOME": "/"}, ()
    )
    kustomization.write(selected, folder)
    assert (folder / "settings.env").read_text() == "READMIT_TARGET=any\n"


def test_components_are_added_and_only_the_worker_of_jobs_reaches_the_api_of_the_cluster(folder: Path) -> None:
    selected = overlay.select_overlay(ClusterSettings.from_environment(), {}, (), ("airflow", "jobs"))
    kustomization.write(replace(selected, api_servers=[("192.0.2.1", 6443), ("2001:db8::1", 6443)]), folder)
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert written["components"] == ["../../../k3s/airflow", "../../../k3s/jobs"]
    (patch,) = written["patches"]
    assert patch["target"] == {"kind": "NetworkPolicy", "name": "kubernetes-api"}
    (operation,) = yaml.safe_load(patch["patch"])
    assert [rule["to"][0]["ipBlock"]["cidr"] for rule in operation["value"]] == ["192.0.2.1/32", "2001:db8::1/128"]


@pytest.mark.parametrize("name", ["Readmit", "a.b", "-a", "a" * 64, "default", "kube-system"])
def test_a_namespace_that_is_invalid_or_of_the_cluster_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_NAMESPACE", name)
    with pytest.raises(SettingError, match=r"READMIT_NAMESPACE: .*(lower-case letters|own)"):
        ClusterSettings.from_environment()


def test_a_data_file_is_named_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").write_text("rows")
    monkeypatch.setenv("READMIT_DATA", str(tmp_path / "data.csv"))
    selected = overlay.select_overlay(ClusterSettings.from_environment(), {}, ())
    assert selected.variables == {"READMIT_DATA": "/var/lib/readmit/data/bc51e9e65d79e1c9"}


def test_a_data_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATA", str(tmp_path / "none.csv"))
    with pytest.raises(StackError, match=r"READMIT_DATA: .*none\.csv: No such file"):
        overlay.select_overlay(ClusterSettings.from_environment(), {}, ())


@pytest.mark.parametrize(
    ("variable", "value"),
    [("READMIT_DATABASE_URL", "mysql://me@db.example"), ("READMIT_S3_URL", "https://s3.example")],
)
def test_an_external_server_is_refused_by_the_name_of_its_setting(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StackError, match=f"{variable} is set"):
        overlay.select_overlay(ClusterSettings.from_environment(), {}, ())


@pytest.mark.parametrize(("variable", "missing"), [(HOSTS[0], "READMIT_API_KEY is not"), (HOSTS[1], r"no \[auth\]")])
def test_an_ingress_without_a_key_or_a_sign_in_is_refused(
    variable: str, missing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "readmit.example.org")
    selected = overlay.select_overlay(ClusterSettings.from_environment(), {}, ())
    with pytest.raises(StackError, match=f"{variable} is set, but .*{missing}"):
        overlay.require_sign_in(selected.ingress_hosts, ClusterSettings.from_environment(), folder / "secrets")


def test_an_ingress_with_a_key_and_a_sign_in_is_accepted_under_its_hosts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, host in zip(HOSTS, ("api.example.org", "UI.example.org"), strict=True):
        monkeypatch.setenv(variable, host)
    monkeypatch.setenv("READMIT_API_KEY", "key")
    sign_in = folder / "secrets" / secrets.UI_SECRETS
    sign_in.chmod(0o600)
    sign_in.write_text("[auth]\nredirect_uri = 'https://ui.example.org'\n")
    selected = overlay.select_overlay(ClusterSettings.from_environment(), {}, ())
    overlay.require_sign_in(selected.ingress_hosts, ClusterSettings.from_environment(), folder / "secrets")
    allowed = selected.variables["READMIT_ALLOWED_HOSTS"].split(",")
    assert {"api", "api-replicas", "api.example.org", "ui.example.org"} <= set(allowed)
    kustomization.write(selected, folder)
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert written["components"] == ["../../../k3s/ingress"]
    assert "api.example.org" in str(written["patches"])


@pytest.mark.parametrize("name", ["https://a.example", "a.example:443", "-a.example", "a b"])
def test_a_host_of_the_ingress_that_is_none_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOSTS[0], name)
    with pytest.raises(SettingError, match=HOSTS[0]):
        ClusterSettings.from_environment()


def test_the_login_of_a_registry_must_be_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.json"
    monkeypatch.setenv("READMIT_REGISTRY", "registry.example:5000/readmit")
    monkeypatch.setenv("READMIT_REGISTRY_LOGIN", str(file))
    file.write_text(json.dumps({"auths": {"registry.example:5000": {}}, "credsStore": "desktop"}))
    with pytest.raises(StackError, match=r"READMIT_REGISTRY_LOGIN: .* has no login for registry\.example:5000"):
        overlay.select_overlay(ClusterSettings.from_environment(), {}, ())
    login = base64.b64encode(b"me:mine").decode()
    file.write_text(json.dumps({"auths": {"registry.example:5000": {"auth": login}, "other.example": {"auth": login}}}))
    pull_secret = overlay.select_overlay(ClusterSettings.from_environment(), {}, ()).pull_secret
    assert json.loads(pull_secret) == {"auths": {"registry.example:5000": {"auth": login}}}


def test_pods_carry_the_ids_of_their_images_and_a_registry_their_digests(folder: Path) -> None:
    workloads = [
        Workload("Deployment", "api", ("readmit-api:0.1.0",)),
        Workload("StatefulSet", "mysql", ("mysql:9.7",)),
    ]
    names = {"readmit-api:0.1.0": "registry.example/readmit-api@sha256:d"}
    selected = overlay.select_overlay(ClusterSettings.from_environment(), {}, ("grafana",))
    kustomization.write(selected.with_images({"readmit-api:0.1.0": "sha256:i"}, names, workloads), folder)
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    expected = {"name": "readmit-api", "newName": "registry.example/readmit-api", "digest": "sha256:d"}
    assert written["images"] == [expected]
    deletion, annotation = written["patches"]
    assert deletion["target"] == {"name": "grafana"}
    assert annotation["target"] == {"kind": "Deployment", "name": "api"}
    assert "sha256:i" in annotation["patch"]


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("mysql:9.7", "docker.io/library/mysql:9.7"),
        ("prom/prometheus:v3", "docker.io/prom/prometheus:v3"),
        ("registry.example:5000/a:1", "registry.example:5000/a:1"),
    ],
)
def test_containerd_has_an_image_under_its_full_name(image: str, reference: str) -> None:
    assert full_name(image) == reference


def test_a_service_is_awaited_until_it_accepts_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert accepts_connections("127.0.0.1", port)
    assert not accepts_connections("127.0.0.1", port)
