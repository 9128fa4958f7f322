import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from readmit.network_variables import OTHER_SERVERS, OTHER_TOOLS, drop_variables
from readmit.proxy_bypass import bypass_proxy
from readmit.settings import PREFIX, SettingError, Settings, environment_with, load, texts_of

SECRETS = (
    "database_password",
    "s3_secret_key",
    "reload_token",
    "api_key",
    "key_secret",
    "source_token",
    "alert_webhook",
)
TEXTS = {"alert_webhook": "https://hooks.example.org/hush?key=hush"}
"""Secrets that are not just any text."""
PASSWORD = "p/w@:#?% ñ&"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all our settings from the environment."""
    for name in os.environ:
        if name.startswith(PREFIX) or name == "MLFLOW_TRACKING_URI":
            monkeypatch.delenv(name)


def test_a_setting_is_read_from_the_environment_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_URL", "http://ec2-api:5001")
    monkeypatch.setenv("READMIT_API_URLS", "http://one:8000, http://two:8000,")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    settings = load()
    assert settings.source_url == "http://ec2-api:5001"
    assert settings.api_urls == ("http://one:8000", "http://two:8000")
    assert settings.mlflow_tracking_uri == "http://mlflow:5000"


@pytest.mark.parametrize("name", [*SECRETS, "s3_access_key", "cost_ratio", "api_urls", "data"])
def test_any_setting_can_be_read_from_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {**TEXTS, "cost_ratio": "3.5", "api_urls": "http://a:1, http://b:2"}.get(name, "from a file")
    (tmp_path / "setting").write_text(f"{value}\n")
    monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(tmp_path / "setting"))
    from_file = getattr(load(), name)
    monkeypatch.delenv(f"{PREFIX}{name.upper()}_FILE")
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    assert from_file == getattr(load(), name)
    assert name not in SECRETS or load().secret(name) == value


def test_a_tools_own_setting_can_be_read_from_a_file_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uri").write_text("http://mlflow:5000\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI_FILE", str(tmp_path / "uri"))
    assert load().mlflow_tracking_uri == "http://mlflow:5000"


def test_a_setting_and_its_file_together_are_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("one")
    monkeypatch.setenv("READMIT_KEY_SECRET", "another")
    monkeypatch.setenv("READMIT_KEY_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SettingError, match=r"READMIT_KEY_SECRET and READMIT_KEY_SECRET_FILE"):
        load()


def test_the_error_for_a_missing_file_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_RELOAD_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingError, match=r"READMIT_RELOAD_TOKEN_FILE: .*missing"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", "ever"),
        ("cost_ratio", "0"),
        ("cost_ratio", "six"),
        ("cost_ratio", "inf"),
        ("retry_delay_seconds", "-1"),
        ("model_poll_seconds", "0"),
        ("schedule", "daily"),
        ("schedule", "30 9 * *"),
        ("airflow_schedule", "30 24 * * *"),
        *(
            ("schedule", cron)
            for cron in ("*/0 * * * *", "*/10,75 * * * *", "1-,5 * * * *", ", * * * *", "9 9 * * xyz")
        ),
        ("api_port", "70000"),
        ("database_url", "postgresql://host/db"),
        ("database_url", "mysql://:3306"),
        ("s3_url", "storage:8333"),
        ("source_url", "http://:5001"),
        ("api_urls", "http://api:8000,ftp://api"),
        ("pushgateway_url", "pushgateway:9091"),
        ("reload_token", "contraseña"),
        ("source_token", "contraseña"),
        *(("source_url", f"http://{host}:5001") for host in ("54.1.2.3", "[2600::1]", "ec2-54-1-2-3.amazonaws.com")),
        ("ec2_tag", "purpose"),
        ("ec2_tag", "=purpose"),
        ("ec2_hours", "9 to 5"),
        ("ec2_hours", "09:00-17:00 America/Limon"),
        ("ec2_hours", "09:00-17:00 ../UTC"),
        ("day_max_batches", "0"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    with pytest.raises(SettingError, match=f"^{PREFIX}{name.upper()}: ") as raised:
        load()
    assert value == "0" or value not in str(raised.value), "it may hold a password"


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:5001", "http://[::1]:5001", "http://10.0.0.7:5001", "http://ec2-api:5001"),
        *("http://ip-10-0-0-7.ec2.internal:5001", "http://ec2-api.readmit.svc:5001", "https://54.1.2.3:5001"),
    ],
)
def test_rows_travel_unencrypted_on_private_networks_only(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_URL", address)
    assert load().source_url == address


def test_the_instance_is_selected_by_its_id_or_by_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().has_ec2_instance is False
    monkeypatch.setenv("READMIT_EC2_TAG", "Name=readmit=source")
    assert (load().has_ec2_instance, load().ec2_tag) == (True, ("Name", "readmit=source"))
    monkeypatch.setenv("READMIT_EC2_INSTANCE_ID", "i-0123456789abcdef0")
    with pytest.raises(SettingError, match="READMIT_EC2_TAG: .*READMIT_EC2_INSTANCE_ID is set, too: unset one"):
        load()


def test_the_address_of_the_data_api_changes_only_with_an_instance_and_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load().fixed_source_url == "http://127.0.0.1:5001"
    monkeypatch.setenv("READMIT_EC2_INSTANCE_ID", "i-0123456789abcdef0")
    monkeypatch.setenv("READMIT_SOURCE_URL", "")
    assert load().fixed_source_url is None
    monkeypatch.setenv("READMIT_SOURCE_URL", "https://source.example:5001")
    assert load().fixed_source_url == "https://source.example:5001"


def test_secrets_have_no_default_and_the_error_names_a_missing_one() -> None:
    secrets = {name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None}
    assert secrets == set(SECRETS)
    for name in (*SECRETS, "s3_access_key"):
        with pytest.raises(SettingError, match=f"^{PREFIX}{name.upper()} is not set$"):
            load().secret(name)


@pytest.mark.parametrize("cron", ["30 9 * * *", "*/10 * * * *", "0 0 1-15 1,jun mon-FRI", "5/20 8-18/2 * * 0"])
def test_any_cron_is_a_schedule(cron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SCHEDULE", cron)
    assert load().schedule == cron


@pytest.mark.parametrize("name", [*SECRETS, "s3_access_key"])
def test_an_empty_secret_counts_as_not_set(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", "")
    with pytest.raises(SettingError, match=f"^{PREFIX}{name.upper()} is not set$"):
        load().secret(name)
    monkeypatch.delenv(f"{PREFIX}{name.upper()}")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(tmp_path / "empty"))
    with pytest.raises(SettingError, match=f"^{PREFIX}{name.upper()} is not set$"):
        load().secret(name)


def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", TEXTS.get(name, f"hush-{name}"))
    shown = f"{load()!r} {load()} {load().model_dump_json()}"
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("target", "cost_ratio", "threshold"),
    [("within_30_days", None, 1 / 7), ("any", None, 1 / 2), ("any", "3", 1 / 4), ("within_30_days", "0.25", 0.8)],
)
def test_the_threshold_is_one_over_one_plus_the_cost_ratio(
    target: str, cost_ratio: str | None, threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_TARGET", target)
    if cost_ratio is not None:
        monkeypatch.setenv("READMIT_COST_RATIO", cost_ratio)
    assert load().threshold == threshold


@pytest.mark.parametrize(("host", "address"), [("mysql", "mysql"), ("10.0.0.7", "10.0.0.7"), ("[::1]", "::1")])
@pytest.mark.parametrize("port", [3306, 3307])
def test_a_password_with_special_characters_is_complete_in_the_databases_address(
    host: str, address: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", f"mysql://readmit@{host}:{port}")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", PASSWORD)
    parts = urlsplit(load().database_address)
    assert (parts.scheme, parts.username, parts.hostname, parts.port) == ("mysql", "readmit", address, port)
    assert unquote(parts.password or "") == PASSWORD
    assert (parts.path, parts.query, parts.fragment) == ("", "", "")


def test_sqlite_ignores_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", "sqlite:////srv/readmit/db")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", PASSWORD)
    assert load().database_address == "sqlite:////srv/readmit/db"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load(), "target", "any")  # noqa: B010 - a type checker would not let the plain form pass


@pytest.mark.parametrize(("setting", "seconds"), [(None, 300.0), ("0", 0.0), ("2.5", 2.5)])
def test_the_retry_delay_is_the_tables_unless_the_setting_overrides_it(
    setting: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting is not None:
        monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", setting)
    assert load().retry_delay(300.0) == seconds


def test_a_child_process_gets_this_environment_with_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_TARGET", "any")
    monkeypatch.setenv("READMIT_DATA", "data.csv")
    environment = environment_with({"READMIT_TARGET": "within_30_days"}, without=["READMIT_DATA"])
    assert environment == {
        **{k: v for k, v in os.environ.items() if k != "READMIT_DATA"},
        "READMIT_TARGET": "within_30_days",
    }


def test_an_overridden_variable_comes_without_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_KEY_SECRET_FILE", "/run/secrets/key")
    monkeypatch.setenv("READMIT_RELOAD_TOKEN_FILE", "/run/secrets/token")
    environment = environment_with({"READMIT_KEY_SECRET": "overridden"})
    assert "READMIT_KEY_SECRET_FILE" not in environment, "both set would be an error"
    assert environment["READMIT_RELOAD_TOKEN_FILE"] == "/run/secrets/token"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1,localhost"),
        ({"https_proxy": "http://proxy:3128", "NO_PROXY": ".corp, localhost"}, ".corp,localhost,127.0.0.1"),
        ({"ALL_PROXY": "http://proxy:3128", "no_proxy": "one", "NO_PROXY": "another"}, "one,127.0.0.1,localhost"),
    ],
)
def test_a_host_on_this_machine_bypasses_the_proxy(
    before: dict[str, str], after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")  # so that what is set below is undone
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    bypass_proxy(["127.0.0.1", "localhost"])
    assert os.environ.get("no_proxy") == os.environ.get("NO_PROXY") == after


def test_an_environment_that_bypasses_all_proxies_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    bypass_proxy(["127.0.0.1"])
    assert os.environ["NO_PROXY"] == "*"


@pytest.mark.parametrize("file", ["/no/such/file.pem", __file__])
def test_the_ca_certificate_of_the_data_api_must_be_readable(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_CA", file)
    with pytest.raises(SettingError, match="READMIT_SOURCE_CA: .*can't be read as a CA certificate"):
        load()


@pytest.mark.parametrize("ca_file", [None, "/no/such/file.pem", __file__])
def test_a_verified_database_needs_a_readable_ca_certificate(
    ca_file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_DATABASE_TLS", "verify")
    if ca_file:
        monkeypatch.setenv("READMIT_DATABASE_TLS_CA", ca_file)
    with pytest.raises(SettingError, match="READMIT_DATABASE_TLS_CA: .*CA certificate"):
        load()


def test_the_texts_of_settings_are_those_of_their_variables_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target").write_text("any\n")
    monkeypatch.setenv("READMIT_TARGET_FILE", str(tmp_path / "target"))
    monkeypatch.setenv("READMIT_COST_RATIO", "3")
    monkeypatch.setenv("READMIT_SCHEDULE", "")
    names = [f"{PREFIX}{name}" for name in ("TARGET", "COST_RATIO", "SCHEDULE", "API_PORT")]
    assert texts_of(names) == {"READMIT_TARGET": "any", "READMIT_COST_RATIO": "3"}
    monkeypatch.setenv("READMIT_TARGET", "any")
    with pytest.raises(SettingError, match="READMIT_TARGET and READMIT_TARGET_FILE are both set"):
        texts_of(names)


def test_variables_of_other_tools_are_dropped_and_ours_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in os.environ if name.startswith(OTHER_SERVERS)]
    for name in (*names, "AWS_PROFILE", "MLFLOW_TRACKING_URI", "PREFECT_PROFILE", "READMIT_MLFLOW_PAGE_URL"):
        # Set by this fixture, so that it is restored after the test.
        monkeypatch.setenv(name, "http://127.0.0.1:5000")
    drop_variables(OTHER_TOOLS)
    kept = {"AWS_PROFILE", "READMIT_MLFLOW_PAGE_URL"}
    assert {name for name in os.environ if name in kept or name.startswith(("MLFLOW_", "PREFECT_"))} == kept
    drop_variables(OTHER_SERVERS)
    assert "AWS_PROFILE" not in os.environ
