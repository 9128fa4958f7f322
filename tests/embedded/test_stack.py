import json
import os
import socket
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from readmit.embedded.environment import SECRETS, s3_variables, variables
from readmit.embedded.seaweedfs import SIGNING_KEYS
from readmit.embedded.stack import HOST, SERVICES, STACK_FILE, StackState, free_ports, running, set_ports, up
from readmit.settings import Settings
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

ADDRESSES = {name: f"http://127.0.0.1:{port}" for name, port in set_ports(Settings()).items()}


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)) | {"mlflow": port}
        holder = rf"taken by .+ \(process {os.getpid()}\): end that first, or set READMIT_MLFLOW_PORT"
        said = f"port {port}, which mlflow needs, is {holder}"
        with pytest.raises(StackError, match=said), running(tmp_path, ports, {}):
            pass
    assert up(tmp_path) is None
    assert list(tmp_path.glob("processes/*.mark")) == []


def test_a_stack_is_up_as_long_as_its_owner_lives(tmp_path: Path) -> None:
    began = psutil.Process().create_time()
    told = StackState(os.getpid(), began, ADDRESSES, {"READMIT_S3_URL": ADDRESSES["s3"]})
    atomic_file.write(tmp_path / STACK_FILE, json.dumps(asdict(told)))
    assert up(tmp_path) == told
    for seconds, is_up in [(1.5, True), (-1.5, True), (60.0, False), (-60.0, False)]:
        atomic_file.write(tmp_path / STACK_FILE, json.dumps(asdict(replace(told, began=began + seconds))))
        assert (up(tmp_path) is not None) == is_up, f"the clock was moved by {seconds} s, or it is another process"


@pytest.mark.parametrize("torn", ["", '{"owner": 1', "[]", "{}", "\0" * 100])
def test_a_torn_note_of_a_stack_is_as_none(torn: str, tmp_path: Path) -> None:
    (tmp_path / STACK_FILE).write_text(torn)
    assert up(tmp_path) is None


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    made = variables(tmp_path, ADDRESSES)
    assert len({made[name] for name in SECRETS}) == len(SECRETS)
    again = variables(tmp_path, ADDRESSES)
    assert {name: again[name] for name in SECRETS} == {name: made[name] for name in SECRETS}
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_a_stack_of_an_earlier_version_gets_the_keys_that_it_lacks_and_keeps_those_that_it_has(tmp_path: Path) -> None:
    earlier = dict.fromkeys(SECRETS, "kept")
    (tmp_path / "secrets.json").write_text(json.dumps(earlier))
    made = s3_variables(tmp_path, HOST)
    assert len({made[name] for name in SIGNING_KEYS}) == len(SIGNING_KEYS)
    assert s3_variables(tmp_path, HOST) == made
    assert json.loads((tmp_path / "secrets.json").read_text()).items() >= earlier.items()
    assert not set(SIGNING_KEYS) & set(variables(tmp_path, ADDRESSES)), "the S3 server alone needs them"


@pytest.mark.parametrize("torn", ["", '{"READMIT_S3_ACCESS_KEY": "a"', '{"READMIT_S3_ACCESS_KEY": "a"}', "[]", "\0"])
def test_torn_secrets_are_refused_by_name_and_not_made_anew(torn: str, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(torn)
    with pytest.raises(StackError, match=f"{tmp_path}/secrets.json does not hold this stack's secrets"):
        variables(tmp_path, ADDRESSES)
    assert (tmp_path / "secrets.json").read_text() == torn
