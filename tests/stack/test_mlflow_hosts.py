"""The Host headers that the MLflow server of the containers accepts."""

from compose.serve_mlflow import HOSTS, allowed_hosts


def test_further_hosts_are_accepted_with_any_port() -> None:
    assert allowed_hosts("") == HOSTS
    assert allowed_hosts(" a.example, b.example") == f"{HOSTS},a.example,a.example:*,b.example,b.example:*"
