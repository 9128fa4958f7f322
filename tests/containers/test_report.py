"""A bug report on containers has what is needed, and neither a secret nor a number of a patient."""

import json
import os
from pathlib import Path

import pytest

from readmit.containers import secrets
from readmit.containers.container_report import container_report, container_secrets
from readmit.containers.project import Project
from readmit.settings import load
from readmit.stacks.bug_report import write_report
from readmit.stacks.terminal import console

PATIENT = "8222157"
SCRIPT = """#!/bin/sh
case "$*" in
    "version --format "*) echo 29.1.0 ;;
    "compose version --short") echo 2.40.3 ;;
    "ps --quiet "*) ;;
    *" ps --all --format json") cat {folder}/states.json ;;
    *" config --format json") cat {folder}/config.json ;;
    *" config") cat {folder}/config.yaml ;;
    *" logs "*) cat {folder}/log ;;
    *) echo "unexpected: $*" >&2; exit 64 ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `docker` script first in PATH, whose output contains every secret of the stack and a patient number."""
    script, secrets_folder = tmp_path / "bin/docker", tmp_path / "secrets"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("READMIT_TARGET", "any")
    monkeypatch.setenv("READMIT_API_KEY", "planted-api-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-aws-key")
    monkeypatch.chdir(tmp_path)
    credentials = "[default]\naws_access_key_id = planted-key-id\naws_secret_access_key = planted-%-cloud\n"
    external = {"flows_password": "planted-external", "ec2_credentials.ini": credentials}
    secrets.create_missing(secrets_folder, external, {"api_key": "planted-api-key"})
    (secrets_folder / secrets.UI_SECRETS).write_text(
        '[auth]\nredirect_uri = "http://127.0.0.1:8501/oauth2callback"\ncookie_secret = "planted-cookie"\n'
        '[auth.hospital]\nclient_id = "readmit"\nclient_secret = "planted-client"\n'
    )
    planted = "\n".join(sorted(planted_secrets(secrets_folder)))
    (tmp_path / "log").write_text(f"started\n{planted}\nencounter of patient {PATIENT}\n")
    (tmp_path / "config.yaml").write_text(f"READMIT_DATABASE_URL: mysql://ana:planted-in-url@db\n{planted}\n")
    config = {"image": "image", "mem_limit": "1", "ports": [{"published": "9"}]}
    (tmp_path / "config.json").write_text(json.dumps({"services": {"api": config, "ec2-api": config}}))
    state = {"Service": "api", "State": "exited", "Health": "", "ExitCode": 3}
    (tmp_path / "states.json").write_text(json.dumps(state))
    return tmp_path


def planted_secrets(secrets_folder: Path) -> set[str]:
    generated = {(secrets_folder / name).read_text() for name in (*secrets.GENERATED, secrets.PREFECT_LOGIN)}
    key = set((secrets_folder / secrets.INNER_KEY).read_text().splitlines())
    external = {
        *("planted-external", "planted-api-key", "planted-aws-key", "planted-cookie", "planted-client"),
        *("planted-key-id", "planted-%-cloud"),
    }
    return generated | key | external


def test_a_report_has_versions_states_settings_and_logs_and_neither_secrets_nor_patients(folder: Path) -> None:
    settings, secrets_folder = load(), folder / "secrets"
    project = Project("readmit-test", {"READMIT_SECRETS": str(secrets_folder)})
    file = write_report(container_report(project, settings), container_secrets(project, settings), console())
    text = file.read_text()
    for expected in (
        "Docker 29.1.0",
        "Docker Compose 2.40.3",
        "api: failed with 3",
        "target = any",
        "started",
        "readmit 0.",
    ):
        assert expected in text
    assert [secret for secret in planted_secrets(secrets_folder) if secret in text] == []
    assert "planted" not in text
    assert PATIENT not in text
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_read_is_marked_as_not_available_and_the_rest_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load()
    (folder / "config.yaml").unlink()
    project = Project("readmit-test", {"READMIT_SECRETS": str(folder / "secrets")})
    text = write_report(container_report(project, settings), frozenset(), console()).read_text()
    assert "== configuration of Compose ==\nnot available: " in text
    assert "The inference API does not respond." in text
    assert "== log of api ==\nstarted" in text
    assert "Read it before you attach it to a report" in capsys.readouterr().out
