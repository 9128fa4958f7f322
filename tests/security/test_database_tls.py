"""MySQL over TLS: a server that can't prove its identity gets no password and no row, with either driver."""

import importlib.util
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pymysql
import pytest
import sqlalchemy

from readmit.core.errors import StoreUnavailable
from readmit.embedded.stack import free_ports
from readmit.io.database import ledger, rows, sql_query
from readmit.io.database.connection import connect, create_databases
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from readmit.stacks.certificates import make_certificate

pytestmark = pytest.mark.e2e

HOST, PASSWORD = "127.0.0.1", "only for this test"
READY_TIMEOUT_SECONDS = 180
SMALL_SERVER_OPTIONS = ("--performance-schema=OFF", "--innodb-buffer-pool-size=64M", "--disable-log-bin")
CIPHER_QUERY = "SHOW STATUS LIKE 'Ssl_cipher'"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates and keys: of the server, of another authority, and of another host."""
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)
    for name, host in {"server": HOST, "forged": HOST, "another-host": "db.example"}.items():
        for suffix, text in zip(("pem", "key"), make_certificate((host,)), strict=True):
            file = folder / f"{name}.{suffix}"
            file.write_text(text)
            # MySQL runs as another user in the container.
            file.chmod(0o444)
    return folder


@contextmanager
def _server(certificates: Path, *options: str) -> Iterator[int]:
    """Run a MySQL server and yield its port."""
    (port,) = free_ports(1)
    environment = ("--env", f"MYSQL_ROOT_PASSWORD={PASSWORD}", "--env", "MYSQL_ROOT_HOST=%")
    mounts = ("--volume", f"{certificates}:/tls:ro", "--publish", f"{HOST}:{port}:3306")
    command = ["docker", "run", "--rm", "--detach", *environment, *mounts, "mysql:9.7", *SMALL_SERVER_OPTIONS, *options]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        _wait_until_ready(port)
        yield port
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], capture_output=True, check=True)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while True:
        try:
            return pymysql.connect(host=HOST, port=port, user="root", password=PASSWORD).close()
        except pymysql.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _with_certificate(name: str) -> Sequence[str]:
    return (f"--ssl-ca=/tls/{name}.pem", f"--ssl-cert=/tls/{name}.pem", f"--ssl-key=/tls/{name}.key")


@pytest.fixture(scope="module")
def secure(certificates: Path) -> Iterator[int]:
    with _server(certificates, *_with_certificate("server"), "--require-secure-transport=ON") as port:
        yield port


@pytest.fixture(scope="module")
def with_another_host(certificates: Path) -> Iterator[int]:
    with _server(certificates, *_with_certificate("another-host")) as port:
        yield port


@pytest.fixture(scope="module")
def without_tls(certificates: Path) -> Iterator[int]:
    with _server(certificates, "--tls-version=") as port:
        yield port


@pytest.fixture(scope="module")
def serve_mlflow() -> ModuleType:
    file = Path(__file__).parents[2] / "compose/serve_mlflow.py"
    specification = importlib.util.spec_from_file_location("serve_mlflow", file)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _settings(port: int, authority: Path | None) -> Settings:
    return Settings(
        database_url=f"mysql://root@{HOST}:{port}",
        database_password=PASSWORD,
        database_tls="verify" if authority else "off",
        database_tls_ca=authority,
    )


def _attempts(address: str) -> list[Callable[[], object]]:
    """Return a read by peewee, a read by connectorx and an SQL query."""
    connect(address)
    return [ledger.list_batches, lambda: rows.raw_rows(1), lambda: _ciphers(address)]


def _ciphers(address: str) -> list[tuple[object, ...]]:
    with sql_query.execute_query(address, CIPHER_QUERY) as result:
        return list(result.rows)


def test_both_drivers_write_to_and_read_from_a_verified_server_encrypted(
    secure: int, certificates: Path, serve_mlflow: ModuleType
) -> None:
    settings = _settings(secure, certificates / "server.pem")
    create_databases(settings.database_address)
    attempts = _attempts(settings.database_address)
    migrate()
    ledger.update_batch(1, rows=3)
    ((_, cipher),) = _ciphers(settings.database_address)
    assert cipher
    assert [attempt() is not None for attempt in attempts] == [True] * 3
    authority = str(certificates / "server.pem")
    serve_mlflow.create_database(settings.database_url, PASSWORD, authority)
    engine = sqlalchemy.create_engine(serve_mlflow.backend_uri(settings.database_url, PASSWORD, authority))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text(CIPHER_QUERY)).one()[1]


@pytest.mark.parametrize(
    ("server", "authority"),
    [
        pytest.param("secure", "forged.pem", marks=pytest.mark.attack("forged certificate", "mysql")),
        pytest.param("with_another_host", "another-host.pem", marks=pytest.mark.attack("forged certificate", "mysql")),
        pytest.param("without_tls", "server.pem", marks=pytest.mark.attack("stripped encryption", "mysql")),
    ],
)
def test_a_server_that_does_not_prove_its_identity_is_rejected_with_the_name_of_the_setting(
    server: str, authority: str, certificates: Path, request: pytest.FixtureRequest, serve_mlflow: ModuleType
) -> None:
    port = request.getfixturevalue(server)
    settings = _settings(port, certificates / authority)
    for attempt in _attempts(settings.database_address):
        with pytest.raises(StoreUnavailable, match=r"SSL.*READMIT_DATABASE_TLS_CA"):
            attempt()
    with pytest.raises(pymysql.OperationalError, match="SSL"):
        serve_mlflow.create_database(settings.database_url, PASSWORD, str(certificates / authority))


def test_a_server_that_requires_tls_is_not_used_without_and_the_setting_is_named(secure: int) -> None:
    for attempt in _attempts(_settings(secure, None).database_address):
        with pytest.raises(StoreUnavailable, match="Set READMIT_DATABASE_TLS=verify"):
            attempt()
