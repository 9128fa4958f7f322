"""The product imports each of the packages that the project was asked to use, and not just its tests."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "flows", "api", "ui", "ec2_api", "aws", "locust", "compose")
PACKAGES = {
    **{"prefect": "prefect", "apache-airflow": "airflow", "flask": "flask", "apscheduler": "apscheduler"},
    **{"pandas": "pandas", "polars": "polars", "scikit-learn": "sklearn", "mlflow": "mlflow", "peewee": "peewee"},
    **{"pymysql": "pymysql", "minio": "minio", "litestar": "litestar", "streamlit": "streamlit"},
    **{"prometheus-client": "prometheus_client", "locust": "locust", "boto3": "boto3"},
}
"""Each package with the name of its module."""


def imported_modules() -> set[str]:
    found = set()
    for file in (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_the_product_imports_each_of_the_sixteen_packages() -> None:
    assert len(PACKAGES) == 16
    imported = imported_modules()
    assert sorted(package for package, module in PACKAGES.items() if module not in imported) == []
