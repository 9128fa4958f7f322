"""The Compose files agree with the code, the settings and each other."""

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from readmit import __version__
from readmit.containers import secrets
from readmit.containers.__main__ import READER_DATABASE_URL
from readmit.containers.external_source import SOURCE_HEALTH, SOURCE_PAGE, instance_credentials, select_source
from readmit.containers.external_stores import DATABASE_URLS, ExternalServers, select_stores
from readmit.containers.up import REQUIRED_FOR_DAY
from readmit.embedded.stack import configured_ports
from readmit.settings import Settings, load
from readmit.stacks.certificates import make_certificate
from readmit.stacks.errors import StackError
from tests.stack.compose_files import COMPOSE, PROXIES, ROOT, included_files, read, services

SERVICES = services()
LONG_RUNNING = [name for name, service in SERVICES.items() if service.is_long_running]
ONE_SHOTS = sorted(set(SERVICES) - set(LONG_RUNNING))
PUBLISHED = {
    **{name: port for name, port in configured_ports(Settings()).items() if name != "s3"},
    **{"ui": 8501, "prefect": 4200, "airflow": 8080, "prometheus": 9090, "grafana": 3000, "locust": 8089},
}
"""The port of each service that is published. The stores are not among them."""
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY")
DECLARED_SECRETS = {**read(COMPOSE / "shared.yaml")["secrets"], **read(COMPOSE / "ec2-api.yaml")["secrets"]}
TEXTS = {file: file.read_text() for file in [ROOT / "compose.yaml", *sorted(COMPOSE.glob("*.yaml"))]}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_pinned_tag_and_our_images_have_the_projects_version(name: str) -> None:
    config = SERVICES[name].config
    image, _, tag = config["image"].rpartition(":")
    assert re.search(r"\d", tag), f"{config['image']}: no version"
    if "build" in config:
        assert image.startswith("readmit-")
        assert tag == __version__


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_service_is_checked_limited_restarted_and_its_log_rotated(name: str) -> None:
    config = SERVICES[name].config
    assert config["healthcheck"]["test"]
    assert config["healthcheck"]["start_period"]
    assert config["mem_limit"]
    assert float(config["cpus"]) <= 2, "rejected on two cores"
    assert config["logging"]["options"].keys() == {"max-size", "max-file"}
    assert config["init"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_comment_that_describes_it(name: str) -> None:
    assert SERVICES[name].description.count(" ") > 3


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_with_the_least_privileges(name: str) -> None:
    config = SERVICES[name].config
    assert config["cap_drop"] == ["ALL"]
    assert config["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "cap_add"} & config.keys()
    assert config["read_only"] is True
    assert 0 < config["pids_limit"] <= 2048


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_a_numeric_user_other_than_root(name: str) -> None:
    """Kubernetes cannot verify that a user given by name is not root, and rejects it under runAsNonRoot."""
    config = SERVICES[name].config
    target = config["image"].removeprefix("readmit-").partition(":")[0]
    user = str(config.get("user") or stages()[target][1])
    assert re.fullmatch(r"[1-9]\d*(:\d+)?", user), user


def stages() -> dict[str, tuple[str, str]]:
    """Return the body and the last USER of each target of the Dockerfile."""
    text = (COMPOSE / "Dockerfile").read_text()
    bodies = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    return {name: (body, "".join(re.findall(r"^USER (\S+)$", body, re.M)[-1:])) for name, body in bodies.items()}


def test_the_object_store_mounts_exactly_the_secrets_that_its_script_reads() -> None:
    used = set(re.findall(r"/run/secrets/(\w+)", (COMPOSE / "s3.sh").read_text()))
    assert used == set(SERVICES["s3"].config["secrets"])


def test_the_published_ports_of_the_stores_are_those_of_mysql_and_s3() -> None:
    published = re.findall(r"127\.0\.0\.1:\S+:(\d+)\"", TEXTS[COMPOSE / "publish-stores.yaml"])
    assert published == ["3306", "8333"]


@pytest.mark.parametrize("name", ONE_SHOTS)
def test_a_long_running_service_waits_for_each_one_shot(name: str) -> None:
    dependents = [other for other in LONG_RUNNING if name in SERVICES[other].config.get("depends_on", {})]
    assert dependents, f"`up --wait` would fail when {name} ends"
    for other in dependents:
        assert SERVICES[other].config["depends_on"][name] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_its_dependencies_are_healthy_or_completed(name: str) -> None:
    for dependency, options in SERVICES[name].config.get("depends_on", {}).items():
        assert dependency in SERVICES
        assert options["condition"] in ("service_healthy", "service_completed_successfully")


def test_only_the_intended_ports_are_published_and_only_on_localhost() -> None:
    ports = {}
    for name, service in SERVICES.items():
        for port in service.config.get("ports", []):
            variable = f"READMIT_{name.upper().replace('-', '_')}_PORT"
            host, default, inner = re.fullmatch(r"([\d.]+):\$\{" + variable + r":-(\d+)\}:(\d+)", port).groups()
            assert host == "127.0.0.1"
            assert default == inner
            ports[name] = int(default)
    assert ports == PUBLISHED


@pytest.mark.parametrize("name", SERVICES)
def test_stores_are_only_on_their_network_and_published_services_are_on_the_published_one(name: str) -> None:
    networks = SERVICES[name].config["networks"]
    if name in ("mysql", "s3"):
        assert networks == ["stores"]
    if SERVICES[name].config.get("ports"):
        assert "published" in networks


def test_the_networks_stores_and_services_are_internal() -> None:
    networks = read(COMPOSE / "shared.yaml")["networks"]
    assert {name for name, options in networks.items() if options and options.get("internal")} == {"stores", "services"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_proxy_of_docker_is_between_services(name: str) -> None:
    variables = SERVICES[name].config["environment"]
    assert {variable: variables[variable] for variable in PROXIES} == dict.fromkeys(PROXIES, "")


@pytest.mark.parametrize("name", SERVICES)
def test_no_environment_contains_a_secret(name: str) -> None:
    for variable, value in SERVICES[name].environment.items():
        if SECRET_NAMES.search(variable):
            assert variable.endswith("FILE"), variable
            assert str(value).startswith("/run/secrets/"), variable


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_that_is_read_is_mounted_and_one_that_is_mounted_is_created(name: str, tmp_path: Path) -> None:
    secrets.create_missing(tmp_path / "secrets", {})
    config = SERVICES[name].config
    mounted = set(config.get("secrets", []))
    read_by_path = set(re.findall(r"/run/secrets/(\w+(?:\.toml)?)", str(config)))
    assert read_by_path <= mounted
    for secret in mounted:
        assert (tmp_path / "secrets" / secret_file(DECLARED_SECRETS[secret])).exists()


def test_only_their_owner_can_reach_the_secrets_and_containers_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.create_missing(folder, {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_secrets_are_created_once_and_those_of_external_servers_are_stored_apart(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    external = {"flows_password": "my own", "s3_access_key": "me", "s3_secret_key": "mine"}
    secrets.create_missing(folder, {})
    before = {file.name: file.read_text() for file in folder.iterdir()}
    secrets.create_missing(folder, external)
    assert {file.name: file.read_text() for file in folder.iterdir() if file.is_file()} == before
    assert len(set(before.values())) == len(before)
    external_files = {file.name: file.read_text() for file in (folder / secrets.EXTERNAL_FOLDER).iterdir()}
    assert external_files.items() >= external.items()
    assert "aws_access_key_id=me\naws_secret_access_key=mine" in external_files["s3_login.ini"]
    assert stat.S_IMODE((folder / secrets.EXTERNAL_FOLDER).stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("variable", "variables"),
    [
        ("READMIT_DATABASE_URL", {"READMIT_DATABASE_PASSWORD": "mine"}),
        ("READMIT_S3_URL", {"READMIT_S3_ACCESS_KEY": "me", "READMIT_S3_SECRET_KEY": "mine"}),
    ],
)
def test_an_external_login_is_mounted_from_where_it_is_written(
    variable: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "mysql://me@db.example:3306" if "DATABASE" in variable else "https://s3.example"
    for name, value in (variables | {variable: address}).items():
        monkeypatch.setenv(name, value)
    stores = select_stores(load())
    secrets.create_missing(tmp_path / "secrets", stores.secrets)
    (file,) = stores.files
    files = {name: secret_file(secret) for name, secret in read(ROOT / file)["secrets"].items()}
    assert set(files.values()) == {path.name for path in (tmp_path / "secrets" / secrets.EXTERNAL_FOLDER).iterdir()}
    assert {name: secret_file(DECLARED_SECRETS[name]) for name in files} == files


def secret_file(secret: dict[str, str]) -> str:
    """Return the name of the file of a secret."""
    return secret["file"].rpartition("/")[2].rstrip("}")


@pytest.fixture
def external_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExternalServers:
    """Select a data API on an EC2 instance, with every secret that it may have."""
    (tmp_path / "ca.pem").write_text(make_certificate(("ec2-api",))[0])
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = me\naws_secret_access_key = mine\n")
    variables = {"EC2_TAG": "Name=readmit", "SOURCE_TOKEN": "mine", "SOURCE_CA": str(tmp_path / "ca.pem")}
    for name, value in {**variables, "EC2_CREDENTIALS": str(tmp_path / "credentials")}.items():
        monkeypatch.setenv(f"READMIT_{name}", value)
    servers = select_source(load())
    return replace(servers, secrets={**servers.secrets, **instance_credentials(load())})


def test_the_secrets_of_an_external_data_api_are_mounted_from_where_they_are_written(
    external_source: ExternalServers, tmp_path: Path
) -> None:
    secrets.create_missing(tmp_path / "secrets", external_source.secrets)
    written = {file.name: file.read_text() for file in (tmp_path / "secrets" / secrets.EXTERNAL_FOLDER).iterdir()}
    assert written == external_source.secrets
    declared = {name: file for path in external_source.files for name, file in read(ROOT / path)["secrets"].items()}
    assert {secret_file(secret) for secret in declared.values()} == set(written)
    assert declared.keys() == {"source_token", "source_ca", "ec2_credentials"}


def test_aws_credentials_are_mounted_into_flows_and_airflow_only(external_source: ExternalServers) -> None:
    *_, instance = (read(ROOT / file)["services"] for file in external_source.files)
    mounting = {name for name, config in instance.items() if "ec2_credentials" in config.get("secrets", [])}
    assert mounting == {"flows", "airflow"}
    reading = {name for name, config in instance.items() if "READMIT_EC2_CREDENTIALS" in config["environment"]}
    assert reading == mounting
    assert not [
        name for name, service in SERVICES.items() if any("EC2" in variable for variable in service.environment)
    ]


def test_every_client_of_the_data_api_gets_its_token_its_certificate_and_no_fixed_address_of_an_instance(
    external_source: ExternalServers,
) -> None:
    _, tls, instance = (read(ROOT / file)["services"] for file in external_source.files)
    clients = {name for name, service in SERVICES.items() if "READMIT_SOURCE_URL" in service.environment} - {"migrate"}
    assert clients == {"flows", "airflow", "ui", "locust"}
    for name in clients:
        assert SERVICES[name].environment["READMIT_SOURCE_TOKEN_FILE"] == "/run/secrets/source_token"
        assert instance[name]["environment"]["READMIT_SOURCE_URL"] == "${READMIT_SOURCE_URL:-}"
    assert set(tls) == {*clients, "api"}, "the inference API probes its health"
    for config in tls.values():
        assert config == {"environment": {"READMIT_SOURCE_CA": "/run/secrets/source_ca"}, "secrets": ["source_ca"]}


def test_the_own_data_api_is_probed_and_linked_unless_an_external_one_replaces_it(
    external_source: ExternalServers,
) -> None:
    environment = SERVICES["api"].environment
    assert f"${{{SOURCE_HEALTH}-ec2-api=http://ec2-api:5001/health,}}" in str(environment["READMIT_SERVICES"])
    assert f"${{{SOURCE_PAGE}-ec2-api=http://127.0.0.1:" in str(environment["READMIT_PAGES"])
    assert (external_source.variables[SOURCE_HEALTH], external_source.variables[SOURCE_PAGE]) == ("", "")


def test_mysql_clients_mount_the_authority_of_an_external_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(make_certificate(("db.example",))[0])
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    monkeypatch.setenv("READMIT_DATABASE_TLS", "verify")
    monkeypatch.setenv("READMIT_DATABASE_TLS_CA", str(authority))
    stores = select_stores(load())
    assert stores.files == ("compose/own-mysql.yaml", "compose/own-mysql-tls.yaml")
    secrets.create_missing(tmp_path / "secrets", stores.secrets)
    override = read(ROOT / stores.files[-1])
    file = override["secrets"]["database_ca"]["file"].rpartition("}/")[2]
    assert (tmp_path / "secrets" / file).read_text() == authority.read_text()
    by_url = {
        name
        for name, service in SERVICES.items()
        if any("DATABASE_URL" in variable for variable in service.environment)
    }
    assert set(override["services"]) == by_url
    for config in override["services"].values():
        assert config["environment"] == {
            "READMIT_DATABASE_TLS": "verify",
            "READMIT_DATABASE_TLS_CA": "/run/secrets/database_ca",
        }
        assert config["secrets"] == ["database_ca"]


def test_tls_verification_is_rejected_for_the_stacks_own_mysql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(make_certificate(("db.example",))[0])
    monkeypatch.setenv("READMIT_DATABASE_TLS", "verify")
    monkeypatch.setenv("READMIT_DATABASE_TLS_CA", str(authority))
    with pytest.raises(StackError, match="READMIT_DATABASE_TLS is verify, but READMIT_DATABASE_URL is not set"):
        select_stores(load())


def test_a_build_target_runs_as_an_ordinary_user_and_contains_no_builder() -> None:
    for service in SERVICES.values():
        if "build" in service.config:
            body, user = stages()[service.config["build"]["target"]]
            assert user == "10001:10001"
            assert "builder" not in body


def test_builds_need_no_network_except_package_registries() -> None:
    text = (COMPOSE / "Dockerfile").read_text()
    stages = set(re.findall(r" AS (\S+)", text))
    assert not text.startswith("# syntax")
    external_images = {image for image in re.findall(r"(?:^FROM |--from=)(\S+)", text, re.M) if image not in stages}
    assert external_images == {"python:3.13-slim-trixie", "astral/uv:0.13.9"}
    assert set(re.findall(r"requirements/([\w-]+)\.txt", text)) <= {
        file.stem for file in (ROOT / "requirements").glob("*.txt")
    }


def test_what_an_image_copies_exists_and_is_not_ignored() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", (COMPOSE / "Dockerfile").read_text(), re.M)
    copied = {source for line in lines for source in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)
    assert {source for source in copied if source not in allowed and source.split("/")[0] not in allowed} == set()


def test_every_variable_of_the_files_is_a_documented_setting() -> None:
    documented = set(re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    undocumented = {"READMIT_SECRETS", SOURCE_HEALTH, SOURCE_PAGE, *DATABASE_URLS}
    for file, text in TEXTS.items():
        used = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +(READMIT_\w+):$", text, re.M))
        assert {name.removesuffix("_FILE") for name in used - undocumented} <= documented, file.name


def test_the_root_file_is_short_and_includes_every_part() -> None:
    assert len((ROOT / "compose.yaml").read_text().splitlines()) <= 12
    parts = {file for file in COMPOSE.glob("*.yaml") if not file.name.startswith(("own-", "publish-", "kustom"))}
    assert {*included_files(), COMPOSE / "service.yaml", COMPOSE / "pipeline.yaml"} == parts


def test_the_database_users_of_the_services_are_created() -> None:
    created = set(re.findall(r"CREATE USER (\w+)", (COMPOSE / "mysql/users.sh").read_text()))
    text = "".join(TEXTS.values()) + READER_DATABASE_URL
    assert set(re.findall(r"mysql://(\w+)@", text)) <= created


def test_the_services_that_the_first_day_needs_exist() -> None:
    assert set(SERVICES) >= REQUIRED_FOR_DAY
