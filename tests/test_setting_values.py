"""Values that cannot work are refused by the name of their setting: every setting of every part is tried."""

import os
from pathlib import Path

import pytest

from ec2_api import settings as source_settings
from ec2_api.errors import StartupError
from k3s.cluster_settings import ClusterSettings
from readmit.containers.container_settings import ContainerSettings
from readmit.settings import PREFIX, SettingError, Settings, load

PORTS = ("0", "-1", "99999", "5e3", "5000.5", "nan", "http", "٥٠٠٠")
SECONDS = ("inf", "-inf", "nan", "-1", "1e300", "5 s")
ADDRESSES = (
    *("localhost:5000", "ftp://host:21", "http://", "http:///path", "http://:80", "http://host:99999", "http://host:0"),
    *("http://host:-1", "http://host:port", "http://[::1", "http://a b:80", "http://host:80?x=1", "http://host#x"),
    *("http://ho\tst:80", "javascript:alert(1)", "//host:80"),
)
PATHS = ("~nosuch/x.csv", "~nosuch")
HTTP_TEXTS = ("contraseña", "one\ntwo")
HOSTS = ("http://host", "host:80", "a b", "host/", "*", ",")
CRONS = ("daily", "61 * * * *", "* * * *")
IMPOSSIBLE: dict[str, tuple[str, ...]] = {
    "READMIT_DATA": PATHS,
    "READMIT_SOURCE_URL": (*ADDRESSES, "http://54.1.2.3:5001"),
    "READMIT_SOURCE_TOKEN": HTTP_TEXTS,
    "READMIT_SOURCE_CA": (*PATHS, "/no/such/file.pem"),
    "READMIT_EC2_INSTANCE_ID": ("instance", "i-", "i-XYZ", "i-1 "),
    "READMIT_EC2_TAG": ("purpose", "=purpose", "name="),
    "READMIT_EC2_HOURS": ("9 to 5", "09:00-25:00 UTC", "09:00-17:00 America/Limon", "09:00-09:00 UTC"),
    "READMIT_EC2_CREDENTIALS": PATHS,
    "AWS_DEFAULT_REGION": ("us east 1", "us-east-", "US-EAST-1", "us.east"),
    "AWS_ENDPOINT_URL_EC2": ADDRESSES,
    "READMIT_DAY_MAX_BATCHES": ("0", "-3", "inf", "1.5", "all"),
    "READMIT_DATABASE_URL": (
        *("sqlite://var/db", "sqlite:var/db", "sqlite:///", "sqlite:///~nosuch/db", "postgresql://u@h/db", "mysql://h"),
        *("mysql://u@h:99999", "mysql://u@h:0", "mysql://u@h:port", "mysql://u@h/raw_data_db", "mysql://u@h?ssl_ca=x"),
        *("mysql://", "db"),
    ),
    "READMIT_DATABASE_TLS": ("on", "true", "verify"),
    "READMIT_DATABASE_TLS_CA": PATHS,
    "READMIT_S3_URL": (*ADDRESSES, "http://host:8333/bucket", "http://user:secret@host:8333"),
    "READMIT_S3_ACCESS_KEY": HTTP_TEXTS,
    "READMIT_S3_SECRET_KEY": HTTP_TEXTS,
    "MLFLOW_TRACKING_URI": (*ADDRESSES, "sqlite:///mlflow.db", "file:///mlruns"),
    "READMIT_API_URLS": (*ADDRESSES, ",", "http://api:8000,http://api:99999"),
    "READMIT_ALLOWED_HOSTS": HOSTS,
    "READMIT_RELOAD_TOKEN": HTTP_TEXTS,
    "READMIT_API_KEY": HTTP_TEXTS,
    "READMIT_TARGET": ("ever", "30"),
    "READMIT_COST_RATIO": ("0", "-1", "inf", "nan", "1e300", "1e-300", "six"),
    "READMIT_RETRY_DELAY_SECONDS": SECONDS,
    "READMIT_MODEL_FOLDER": PATHS,
    "READMIT_MODEL_POLL_SECONDS": (*SECONDS, "0"),
    "READMIT_PUSHGATEWAY_URL": ADDRESSES,
    "READMIT_SERVICES": ("api", "=http://h", "api=h:80", "api=http://h:99999", "api=http://[::1", "api=http://a b"),
    "READMIT_PAGES": ("api", "=http://h", "api=h:80", "api=http://h:99999", "api=http://[::1", "api=http://a b"),
    "READMIT_SCHEDULE": CRONS,
    "READMIT_AIRFLOW_SCHEDULE": CRONS,
    "READMIT_PIPELINE_PYTHON": PATHS,
    "READMIT_ALERT_WEBHOOK": ("hook", "http://host:99999/x", "http://host\n", "ftp://host", "https://høst"),
    "READMIT_MLFLOW_ALLOWED_HOSTS": tuple(host for host in HOSTS if host != ","),
    "READMIT_MLFLOW_PAGE_URL": ADDRESSES,
    "READMIT_TRAIN_MEMORY_MB": ("0", "-1", "inf", "nan", "2e3", "2 GB"),
    "READMIT_PROJECT": ("Readmit", "-readmit", "read mit", "readmit/2", "$HOME"),
    "READMIT_EC2_API_PORT": PORTS,
    "READMIT_S3_PORT": (*PORTS, "5001"),
    "READMIT_MLFLOW_PORT": (*PORTS, "8333"),
    "READMIT_API_PORT": (*PORTS, "5000"),
    "READMIT_UI_PORT": (*PORTS, "8000"),
}
IN_CONTAINERS = {
    f"{PREFIX}{service}_PORT": PORTS for service in ("PREFECT", "AIRFLOW", "PROMETHEUS", "GRAFANA", "LOCUST", "MYSQL")
}
IN_CLUSTER = {
    "KUBECONFIG": PATHS,
    "READMIT_NAMESPACE": ("default", "kube-system", "Readmit", "read_mit", "r" * 64),
    "READMIT_REGISTRY": ("https://registry", "Registry", "registry:99999/readmit", "registry:0", "registry/"),
    "READMIT_REGISTRY_LOGIN": PATHS,
    "READMIT_INGRESS_API_HOST": ("https://host", "host:80", "a b", "-host", "host."),
    "READMIT_INGRESS_UI_HOST": ("https://host", "host:80", "a b", "-host", "host."),
}
OF_SOURCE = {
    "READMIT_DATA": PATHS,
    "READMIT_SOURCE_HOST": ("http://host", "host:80", "a b", "999.1.1.1:80", "host/"),
    "READMIT_SOURCE_PORT": tuple(port for port in PORTS if port != "0"),
    "READMIT_SOURCE_STATE": PATHS,
    "READMIT_SOURCE_INTERVAL_SECONDS": (*SECONDS, "0.5", "99999999"),
    "READMIT_SOURCE_BATCH_SIZE": ("0", "-15000", "inf", "nan", "1e4", "1000001", "all"),
    "READMIT_SOURCE_DOWNLOAD_URL": (
        "ftp://host",
        "host",
        "http://",
        "http://host:99999",
        "http://host:0",
        "http://[::1",
    ),
    "READMIT_SOURCE_MENDED": ("0", "-1", "1.5", "all"),
    "READMIT_ALLOWED_HOSTS": HOSTS,
    "READMIT_SOURCE_TOKEN": HTTP_TEXTS,
    "READMIT_SOURCE_TLS_CERTIFICATE": PATHS,
    "READMIT_SOURCE_TLS_KEY": PATHS,
}
OPEN = {"READMIT_DATABASE_PASSWORD", "READMIT_KEY_SECRET"}
"""Settings for which any text is a value."""


def pairs(values: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(name, value) for name, texts in values.items() for value in texts]


def variables(settings: type[Settings]) -> set[str]:
    return {str(field.validation_alias or f"{PREFIX}{name.upper()}") for name, field in settings.model_fields.items()}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all settings from the environment."""
    for name in os.environ:
        if name.startswith((PREFIX, "AWS_", "MLFLOW_")) or name == "KUBECONFIG":
            monkeypatch.delenv(name)


def test_values_are_tried_for_every_setting() -> None:
    assert variables(Settings) == set(IMPOSSIBLE) | OPEN
    assert variables(ContainerSettings) - variables(Settings) == set(IN_CONTAINERS)
    assert variables(ClusterSettings) - variables(Settings) == set(IN_CLUSTER)


@pytest.mark.parametrize(("name", "value"), pairs(IMPOSSIBLE))
def test_a_value_that_cannot_work_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as raised:
        load()
    named = f"{name}_CA" if (name, value) == ("READMIT_DATABASE_TLS", "verify") else name
    assert str(raised.value).startswith(f"{named}: ")


@pytest.mark.parametrize(("name", "value"), pairs(IN_CONTAINERS))
def test_a_port_of_the_containers_that_cannot_work_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{name}: "):
        ContainerSettings.from_environment()


@pytest.mark.parametrize(("name", "value"), pairs(IN_CLUSTER))
def test_a_setting_of_the_cluster_that_cannot_work_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{name}: "):
        ClusterSettings.from_environment()


@pytest.mark.parametrize(("name", "value"), pairs(OF_SOURCE))
def test_a_setting_of_the_data_api_that_cannot_work_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=name):
        source_settings.load({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("READMIT_DATABASE_URL", url) for url in ("sqlite:///db", "sqlite:////srv/a b#%?ñ/db", "mysql://u@h:3306")),
        *(("READMIT_S3_URL", url) for url in ("https://s3.example.org/", "http://[::1]:8333")),
        ("READMIT_API_URLS", "https://host/prefix"),
        ("READMIT_PAGES", "grafana=http://127.0.0.1:3000/d/1?orgId=1#top"),
        ("READMIT_ALERT_WEBHOOK", "https://hooks.example.org/T0/B0?key=hush"),
        ("READMIT_EC2_INSTANCE_ID", "i-1234567f"),
        ("AWS_DEFAULT_REGION", "us-gov-west-1"),
    ],
)
def test_unusual_values_that_work_are_accepted(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    load()


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in (("DATA", "~/x #%?ñ.csv"), ("MODEL_FOLDER", "~/models"), ("DATABASE_URL", "sqlite:///~/db")):
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    settings = load()
    assert (settings.data, settings.model_folder) == (tmp_path / "x #%?ñ.csv", tmp_path / "models")
    assert settings.database_url == f"sqlite:///{tmp_path}/db"
    assert source_settings.load({"READMIT_DATA": "~/x #%?ñ.csv"}).data == settings.data


UNREADABLE = {"latin1": b"contrase\xf1a", "utf16": "token".encode("utf-16")}


@pytest.mark.parametrize("kind", [*UNREADABLE, "missing", "a folder", "~nosuch/x"])
@pytest.mark.parametrize("name", ["READMIT_DATA", "READMIT_SOURCE_TOKEN", "READMIT_ALLOWED_HOSTS"])
def test_a_file_of_a_setting_that_cannot_be_read_is_an_error_that_names_the_variable(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a folder").mkdir()
    for file, content in UNREADABLE.items():
        (tmp_path / file).write_bytes(content)
    path = kind if kind.startswith("~") else str(tmp_path / kind)
    monkeypatch.setenv(f"{name}_FILE", path)
    for error, read in ((SettingError, load), (StartupError, lambda: source_settings.load(os.environ))):
        with pytest.raises(error, match=f"^{name}_FILE: {path}"):
            read()


@pytest.mark.parametrize("name", OF_SOURCE)
def test_every_setting_of_the_data_api_can_be_read_from_a_file(name: str, tmp_path: Path) -> None:
    values = {
        "READMIT_SOURCE_PORT": "5005",
        "READMIT_SOURCE_INTERVAL_SECONDS": "7",
        "READMIT_SOURCE_BATCH_SIZE": "100",
        "READMIT_SOURCE_DOWNLOAD_URL": "https://mirror.example.org/data.zip",
        "READMIT_SOURCE_MENDED": "3,7",
    }
    value, file = values.get(name, "a.name"), tmp_path / "setting"
    file.write_bytes(f"\ufeff{value}\r\n".encode())
    both = {f"READMIT_SOURCE_TLS_{part}": "x.pem" for part in ("CERTIFICATE", "KEY") if "TLS" in name}
    both.pop(name, None)
    expected = source_settings.load({**both, name: value})
    assert source_settings.load({**both, f"{name}_FILE": str(file)}) == expected != source_settings.load({})
    with pytest.raises(StartupError, match=f"{name} and {name}_FILE are both set"):
        source_settings.load({**both, name: value, f"{name}_FILE": str(file)})
