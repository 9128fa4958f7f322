"""Start the MLflow server of the container; the database password comes from a file, not from a command line."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pymysql

DATABASE = "mlflow_db"
PORT = "5000"
HOSTS = "mlflow:*,mlflow,localhost:*,127.0.0.1:*"
"""Accepted Host headers; others are rejected, so that no website can reach the server through a user's browser."""
FURTHER_HOSTS = "READMIT_MLFLOW_ALLOWED_HOSTS"
"""The variable with further ones, separated by commas, where the server has another name, too."""


def authority_file() -> str | None:
    """Return the file of the authority that verifies the database, or None without verification."""
    return os.environ["READMIT_DATABASE_TLS_CA"] if os.environ.get("READMIT_DATABASE_TLS") == "verify" else None


def backend_uri(address: str, password: str, authority: str | None) -> str:
    """Return the address of the database in the form of SQLAlchemy. `address`: mysql://USER@HOST:PORT."""
    parts = urlsplit(address)
    host = f"{parts.hostname}:{parts.port or 3306}"
    query = f"?ssl_ca={quote(authority)}&ssl_check_hostname=true" if authority else ""
    return f"mysql+pymysql://{parts.username}:{quote(password, safe='')}@{host}/{DATABASE}{query}"


def create_database(address: str, password: str, authority: str | None) -> None:
    """Create the database if an external server lacks it."""
    parts = urlsplit(address)
    server = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=password.encode(),
        ssl={"ca": authority, "check_hostname": True} if authority else None,
    )
    with server, server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}` COLLATE utf8mb4_0900_bin")


def allowed_hosts(further: str) -> str:
    """Return the accepted hosts, `further` ones with any port, in the form of MLflow."""
    names = [name.strip() for name in further.split(",") if name.strip()]
    return ",".join((HOSTS, *(form for name in names for form in (name, f"{name}:*"))))


def main() -> None:
    """Replace this process by the MLflow server."""
    password = Path("/run/secrets/mlflow_password").read_text().strip()
    address = os.environ["READMIT_MLFLOW_DATABASE_URL"]
    create_database(address, password, authority_file())
    os.environ["MLFLOW_BACKEND_STORE_URI"] = backend_uri(address, password, authority_file())
    hosts = allowed_hosts(os.environ.get(FURTHER_HOSTS, ""))
    network = ["--host", "0.0.0.0", "--port", PORT, "--allowed-hosts", hosts, "--workers", "1"]
    storage = ["--artifacts-destination", "s3://mlflow", "--expose-prometheus", "/tmp/metrics"]
    os.execvp("mlflow", ["mlflow", "server", *network, *storage])


if __name__ == "__main__":
    main()
