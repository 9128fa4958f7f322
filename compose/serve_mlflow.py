"""Starts the MLflow server of the container: its database's password comes from a file, and stays off command lines."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pymysql

DATABASE = "mlflow_db"
PORT = "5000"
HOSTS = "mlflow:*,mlflow,localhost:*,127.0.0.1:*"
"""Other names are refused: a page of the Internet must not talk to it through a reader's browser."""


def backend(address: str, password: str) -> str:
    """Where the runs are kept, as SQLAlchemy writes it. `address`: mysql://USER@HOST:PORT."""
    parts = urlsplit(address)
    host = f"{parts.hostname}:{parts.port or 3306}"
    return f"mysql+pymysql://{parts.username}:{quote(password, safe='')}@{host}/{DATABASE}"


def make_database(address: str, password: str) -> None:
    """Makes it where a server of one's own lacks it."""
    parts = urlsplit(address)
    server = pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""), password=password.encode()
    )
    with server, server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}` COLLATE utf8mb4_0900_bin")


def main() -> None:
    password = Path("/run/secrets/mlflow_password").read_text().strip()
    address = os.environ["READMIT_MLFLOW_DATABASE_URL"]
    make_database(address, password)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = backend(address, password)
    door = ["--host", "0.0.0.0", "--port", PORT, "--allowed-hosts", HOSTS, "--workers", "1"]
    kept = ["--artifacts-destination", "s3://mlflow", "--expose-prometheus", "/tmp/metrics"]
    os.execvp("mlflow", ["mlflow", "server", *door, *kept])


if __name__ == "__main__":
    main()
