import json
import os
import socket
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from readmit.embedded.environment import SECRETS, s3_variables, stack_environment, variables
from readmit.embedded.seaweedfs import SIGNING_KEYS
from readmit.embedded.stack import (
    HOST,
    SERVICES,
    STACK_FILE,
    StackState,
    configured_ports,
    free_ports,
    running,
    running_stack_state,
)
from readmit.network_variables import outside_variables
from readmit.settings import Settings
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

ADDRESSES = {name: f"http://127.0.0.1:{port}" for name, port in configured_ports(Settings()).items()}


def test_a_port_in_use_is_reported_with_its_process_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)) | {"mlflow": port}
        user = rf"in use by .+ \(process {os.getpid()}\): stop that first, or set READMIT_MLFLOW_PORT"
        message = f"port {port}, which mlflow needs, is {user}"
        with pytest.raises(StackError, match=message), running(tmp_path, ports, {}):
            pass
    assert running_stack_state(tmp_path) is None
    assert list(tmp_path.glob("processes/*.mark")) == []


def test_a_stack_is_up_as_long_as_its_owner_is_alive(tmp_path: Path) -> None:
    began = psutil.Process().create_time()
    state = StackState(os.getpid(), began, ADDRESSES, {"READMIT_S3_URL": ADDRESSES["s3"]})
    atomic_file.write(tmp_path / STACK_FILE, json.dumps(asdict(state)))
    assert running_stack_state(tmp_path) == state
    for seconds, is_up in [(1.5, True), (-1.5, True), (60.0, False), (-60.0, False)]:
        atomic_file.write(tmp_path / STACK_FILE, json.dumps(asdict(replace(state, began=began + seconds))))
        assert (running_stack_state(tmp_path) is not None) == is_up, (
            f"the clock was adjusted by {seconds} s, or it is another process"
        )


@pytest.mark.parametrize("corrupt", ["", '{"owner": 1', "[]", "{}", "\0" * 100])
def test_a_corrupt_state_file_counts_as_no_stack(corrupt: str, tmp_path: Path) -> None:
    (tmp_path / STACK_FILE).write_text(corrupt)
    assert running_stack_state(tmp_path) is None


def test_secrets_are_generated_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    generated = variables(tmp_path, ADDRESSES)
    assert len({generated[name] for name in SECRETS}) == len(SECRETS)
    again = variables(tmp_path, ADDRESSES)
    assert {name: again[name] for name in SECRETS} == {name: generated[name] for name in SECRETS}
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_a_stack_of_an_earlier_version_gets_the_keys_that_it_lacks_and_keeps_those_that_it_has(tmp_path: Path) -> None:
    earlier = dict.fromkeys(SECRETS, "kept")
    (tmp_path / "secrets.json").write_text(json.dumps(earlier))
    generated = s3_variables(tmp_path, HOST)
    assert len({generated[name] for name in SIGNING_KEYS}) == len(SIGNING_KEYS)
    assert s3_variables(tmp_path, HOST) == generated
    assert json.loads((tmp_path / "secrets.json").read_text()).items() >= earlier.items()
    assert not set(SIGNING_KEYS) & set(variables(tmp_path, ADDRESSES)), "the S3 server alone needs them"


@pytest.mark.parametrize("corrupt", ["", '{"READMIT_S3_ACCESS_KEY": "a"', '{"READMIT_S3_ACCESS_KEY": "a"}', "[]", "\0"])
def test_corrupt_secrets_are_reported_with_their_file_and_not_regenerated(corrupt: str, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(corrupt)
    with pytest.raises(StackError, match=f"{tmp_path}/secrets.json does not contain this stack's secrets"):
        variables(tmp_path, ADDRESSES)
    assert (tmp_path / "secrets.json").read_text() == corrupt


OUTSIDE = {
    **dict.fromkeys(("ALL_PROXY", "all_proxy", "http_proxy", "grpc_proxy"), "socks5://127.0.0.1:9"),
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "/nonexistent"),
}
OTHERS = {"AWS_PROFILE": "absent", "MLFLOW_RUN_ID": "1", "PREFECT_PROFILE": "absent", "AWS_SESSION_TOKEN": "another"}


def test_only_the_data_api_has_the_proxies_and_certificates_of_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**OUTSIDE, **OTHERS, "NO_PROXY": ".corp"}.items():
        monkeypatch.setenv(name, value)
    own = variables(tmp_path, ADDRESSES)
    environment = stack_environment(own)
    assert not environment.keys() & {*OUTSIDE, *OTHERS}
    assert environment["NO_PROXY"] == environment["no_proxy"] == "*", "nor a proxy of the system"
    assert environment.items() >= own.items()
    assert environment["PATH"] == os.environ["PATH"]
    of_source = outside_variables()
    assert of_source.items() >= {**OUTSIDE, "NO_PROXY": ".corp", "no_proxy": ""}.items()
    assert not of_source.keys() & OTHERS.keys()
