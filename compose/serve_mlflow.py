"""Starts the MLflow server of the container: its database's password comes from a file, and stays off command lines."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pymysql

DATABASE = "mlflow_db"
PORT = "5000"
HOSTS = "mlflow:*,mlflow,localhost:*,127.0.0.1:*"
"""Other names are refused: a page of the Internet must not talk to it through a reader's browser."""


def authority() -> str | None:
    """Return the file of the authority that the database must be verified by, if it must be."""
    return os.environ["READMIT_DATABASE_TLS_CA"] if os.environ.get("READMIT_DATABASE_TLS") == "verify" else None


def backend(address: str, password: str, authority: str | None) -> str:
    """Where the runs are kept, as SQLAlchemy writes it. `address`: mysql://USER@HOST:PORT."""
    parts = urlsplit(address)
    host = f"{parts.hostname}:{parts.port or 3306}"
    verified = f"?ssl_ca={quote(authority)}&ssl_check_hostname=true" if authority else ""
    return f"mysql+pymysql://{parts.username}:{quote(password, safe='')}@{host}/{DATABASE}{verified}"


def make_database(address: str, password: str, authority: str | None) -> None:
    """Makes it where a server of one's own lacks it."""
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


def main() -> None:
    password = Path("/run/secrets/mlflow_password").read_text().strip()
    address = os.environ["READMIT_MLFLOW_DATABASE_URL"]
    make_database(address, password, authority())
    os.environ["MLFLOW_BACKEND_STORE_URI"] = backend(address, password, authority())
    door = ["--host", "0.0.0.0", "--port", PORT, "--allowed-hosts", HOSTS, "--workers", "1"]
    kept = ["--artifacts-destination", "s3://mlflow", "--expose-prometheus", "/tmp/metrics"]
    os.execvp("mlflow", ["mlflow", "server", *door, *kept])


if __name__ == "__main__":
    main()
