"""The Compose files, held to the code, to the settings and to each other."""

import re
import stat
import tomllib
from pathlib import Path

import pytest

from readmit.containers import secrets
from readmit.containers.__main__ import READER
from readmit.containers.external_stores import DATABASE_URLS, chosen
from readmit.containers.up import FOR_A_DAY
from readmit.embedded.stack import set_ports
from readmit.settings import Settings, load
from readmit.stacks.certificates import make_certificate
from readmit.stacks.errors import StackError
from tests.stack.compose_files import COMPOSE, ROOT, included, read, services

SERVICES = services()
LONG = [name for name, each in SERVICES.items() if each.runs_for_long]
ONE_SHOTS = sorted(set(SERVICES) - set(LONG))
PUBLISHED = {
    **{name: port for name, port in set_ports(Settings()).items() if name != "s3"},
    **{"ui": 8501, "prefect": 4200, "airflow": 8080, "prometheus": 9090, "grafana": 3000, "locust": 8089},
}
"""Services and the port of each that a person may open. The stores are not among them."""
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TEXT = {file: file.read_text() for file in [ROOT / "compose.yaml", *sorted(COMPOSE.glob("*.yaml"))]}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_pinned_tag_and_ours_that_of_the_project(name: str) -> None:
    told = SERVICES[name].told
    image, _, tag = told["image"].rpartition(":")
    assert re.search(r"\d", tag), f"{told['image']}: no version"
    if "build" in told:
        assert image.startswith("readmit-")
        assert tag == VERSION


@pytest.mark.parametrize("name", LONG)
def test_a_service_is_checked_limited_restarted_and_its_log_rotated(name: str) -> None:
    told = SERVICES[name].told
    assert told["healthcheck"]["test"]
    assert told["healthcheck"]["start_period"]
    assert told["mem_limit"]
    assert float(told["cpus"]) <= 2, "refused on two cores"
    assert told["logging"]["options"].keys() == {"max-size", "max-file"}
    assert told["init"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_a_sentence_says_what_a_service_is_for(name: str) -> None:
    assert SERVICES[name].sentence.count(" ") > 3


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_nothing_that_it_need_not(name: str) -> None:
    told = SERVICES[name].told
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "cap_add"} & told.keys()
    assert told["read_only"] is True
    assert 0 < told["pids_limit"] <= 2048


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_a_user_with_a_number_that_is_not_roots(name: str) -> None:
    """A name says nothing to who starts the container: Kubernetes refuses it where it must not be root."""
    told = SERVICES[name].told
    target = told["image"].removeprefix("readmit-").partition(":")[0]
    user = str(told.get("user") or stages()[target][1])
    assert re.fullmatch(r"[1-9]\d*(:\d+)?", user), user


def stages() -> dict[str, tuple[str, str]]:
    """Return the body and the last USER of each target of the Dockerfile."""
    text = (COMPOSE / "Dockerfile").read_text()
    bodies = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    return {name: (body, "".join(re.findall(r"^USER (\S+)$", body, re.M)[-1:])) for name, body in bodies.items()}


def test_what_the_object_store_is_started_with_are_secrets_that_it_is_handed() -> None:
    read_there = set(re.findall(r"/run/secrets/(\w+)", (COMPOSE / "s3.sh").read_text()))
    assert read_there == set(SERVICES["s3"].told["secrets"])


def test_no_file_publishes_more_of_the_stores_than_s3_and_mysql() -> None:
    published = re.findall(r"127\.0\.0\.1:\S+:(\d+)\"", TEXT[COMPOSE / "publish-stores.yaml"])
    assert published == ["3306", "8333"]


@pytest.mark.parametrize("name", ONE_SHOTS)
def test_a_one_shot_is_awaited_by_a_service_that_stays(name: str) -> None:
    waiting = [each for each in LONG if name in SERVICES[each].told.get("depends_on", {})]
    assert waiting, f"`up --wait` would fail when {name} ends"
    for each in waiting:
        assert SERVICES[each].told["depends_on"][name] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_who_needs_a_service_waits_until_it_works(name: str) -> None:
    for needed, how in SERVICES[name].told.get("depends_on", {}).items():
        assert needed in SERVICES
        assert how["condition"] in ("service_healthy", "service_completed_successfully")


def test_only_the_designs_ports_are_published_and_on_this_machine_alone() -> None:
    found = {}
    for name, each in SERVICES.items():
        for port in each.told.get("ports", []):
            variable = f"READMIT_{name.upper().replace('-', '_')}_PORT"
            host, default, inner = re.fullmatch(r"([\d.]+):\$\{" + variable + r":-(\d+)\}:(\d+)", port).groups()
            assert host == "127.0.0.1"
            assert default == inner
            found[name] = int(default)
    assert found == PUBLISHED


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_published_and_who_is_a_store_meet_in_services_alone(name: str) -> None:
    networks = SERVICES[name].told["networks"]
    if name in ("mysql", "s3"):
        assert networks == ["stores"]
    if SERVICES[name].told.get("ports"):
        assert "published" in networks


def test_the_networks_of_the_stores_reach_nothing_outside() -> None:
    told = read(COMPOSE / "shared.yaml")["networks"]
    assert {name for name, how in told.items() if how and how.get("internal")} == {"stores", "services"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_an_environment(name: str) -> None:
    for variable, value in SERVICES[name].environment.items():
        if SECRET_WORDS.search(variable):
            assert variable.endswith("FILE"), variable
            assert str(value).startswith("/run/secrets/"), variable


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_that_is_read_is_handed_over_and_one_that_is_handed_over_is_made(name: str, tmp_path: Path) -> None:
    secrets.make(tmp_path / "secrets", {})
    declared, told = read(COMPOSE / "shared.yaml")["secrets"], SERVICES[name].told
    handed = set(told.get("secrets", []))
    read_by_path = set(re.findall(r"/run/secrets/(\w+(?:\.toml)?)", str(told)))
    assert read_by_path <= handed
    for secret in handed:
        assert (tmp_path / "secrets" / declared[secret]["file"].rpartition("/")[2]).exists()


def test_secrets_can_be_reached_by_their_owner_alone_and_read_inside_the_containers(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.make(folder, {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_secrets_are_made_once_and_those_of_ones_own_servers_lie_apart(tmp_path: Path) -> None:
    folder, given = tmp_path / "secrets", {"flows_password": "my own", "s3_access_key": "me", "s3_secret_key": "mine"}
    secrets.make(folder, {})
    before = {file.name: file.read_text() for file in folder.iterdir()}
    secrets.make(folder, given)
    assert {file.name: file.read_text() for file in folder.iterdir() if file.is_file()} == before
    assert len(set(before.values())) == len(before)
    apart = {file.name: file.read_text() for file in (folder / secrets.GIVEN).iterdir()}
    assert apart.items() >= given.items()
    assert "aws_access_key_id=me\naws_secret_access_key=mine" in apart["s3_login.ini"]
    assert stat.S_IMODE((folder / secrets.GIVEN).stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("variable", "variables"),
    [
        ("READMIT_DATABASE_URL", {"READMIT_DATABASE_PASSWORD": "mine"}),
        ("READMIT_S3_URL", {"READMIT_S3_ACCESS_KEY": "me", "READMIT_S3_SECRET_KEY": "mine"}),
    ],
)
def test_a_login_of_ones_own_is_read_from_where_it_is_written(
    variable: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "mysql://me@db.example:3306" if "DATABASE" in variable else "https://s3.example"
    for name, value in (variables | {variable: address}).items():
        monkeypatch.setenv(name, value)
    stores = chosen(load())
    secrets.make(tmp_path / "secrets", stores.secrets)
    (file,) = stores.files
    read_there = {name: told["file"].rpartition("/")[2] for name, told in read(ROOT / file)["secrets"].items()}
    assert set(read_there.values()) == {each.name for each in (tmp_path / "secrets" / secrets.GIVEN).iterdir()}
    shared = read(COMPOSE / "shared.yaml")["secrets"]
    assert {name: shared[name]["file"].rpartition("/")[2] for name in read_there} == read_there


def test_who_speaks_to_mysql_is_handed_the_authority_of_a_server_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(make_certificate(("db.example",))[0])
    monkeypatch.setenv("READMIT_DATABASE_URL", "mysql://me@db.example:3306")
    monkeypatch.setenv("READMIT_DATABASE_PASSWORD", "mine")
    monkeypatch.setenv("READMIT_DATABASE_TLS", "verify")
    monkeypatch.setenv("READMIT_DATABASE_TLS_CA", str(authority))
    stores = chosen(load())
    assert stores.files == ("compose/own-mysql.yaml", "compose/own-mysql-tls.yaml")
    secrets.make(tmp_path / "secrets", stores.secrets)
    on_top = read(ROOT / stores.files[-1])
    file = on_top["secrets"]["database_ca"]["file"].rpartition("}/")[2]
    assert (tmp_path / "secrets" / file).read_text() == authority.read_text()
    by_url = {name for name, each in SERVICES.items() if any("DATABASE_URL" in name for name in each.environment)}
    assert set(on_top["services"]) == by_url
    for told in on_top["services"].values():
        assert told["environment"] == {
            "READMIT_DATABASE_TLS": "verify",
            "READMIT_DATABASE_TLS_CA": "/run/secrets/database_ca",
        }
        assert told["secrets"] == ["database_ca"]


def test_the_stacks_own_mysql_is_not_said_to_be_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(make_certificate(("db.example",))[0])
    monkeypatch.setenv("READMIT_DATABASE_TLS", "verify")
    monkeypatch.setenv("READMIT_DATABASE_TLS_CA", str(authority))
    with pytest.raises(StackError, match="READMIT_DATABASE_TLS is verify, but READMIT_DATABASE_URL is not set"):
        chosen(load())


def test_what_is_built_is_a_target_that_is_no_root() -> None:
    for each in SERVICES.values():
        if "build" in each.told:
            body, user = stages()[each.told["build"]["target"]]
            assert user == "10001:10001"
            assert "builder" not in body


def test_builds_need_no_network_but_package_registries() -> None:
    text = (COMPOSE / "Dockerfile").read_text()
    stages = set(re.findall(r" AS (\S+)", text))
    assert not text.startswith("# syntax")
    outer = {image for image in re.findall(r"(?:^FROM |--from=)(\S+)", text, re.M) if image not in stages}
    assert outer == {"python:3.13-slim-trixie", "astral/uv:0.13.9"}
    assert set(re.findall(r"requirements/([\w-]+)\.txt", text)) <= {
        file.stem for file in (ROOT / "requirements").glob("*.txt")
    }


def test_every_variable_of_the_files_is_a_setting_that_is_written_down() -> None:
    said = set(re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    by_itself = {"READMIT_SECRETS", *DATABASE_URLS}
    for file, text in TEXT.items():
        used = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +(READMIT_\w+):$", text, re.M))
        assert used - by_itself <= said, file.name


def test_the_root_file_is_short_and_includes_every_part() -> None:
    assert len((ROOT / "compose.yaml").read_text().splitlines()) <= 12
    parts = {file for file in COMPOSE.glob("*.yaml") if not file.name.startswith(("own-", "publish-"))}
    assert {*included(), COMPOSE / "service.yaml", COMPOSE / "pipeline.yaml"} == parts


def test_the_users_of_the_databases_are_those_that_the_services_are() -> None:
    made = set(re.findall(r"CREATE USER (\w+)", (COMPOSE / "mysql/users.sh").read_text()))
    text = "".join(TEXT.values()) + READER
    assert set(re.findall(r"mysql://(\w+)@", text)) <= made


def test_the_first_day_asks_for_services_that_there_are() -> None:
    assert set(SERVICES) >= FOR_A_DAY
