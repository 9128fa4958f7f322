import json
from pathlib import Path

import pytest
from rich.console import Console

from readmit.embedded.environment import variables
from readmit.embedded.secret_rotation import NAMES, rotate_embedded
from readmit.stacks.errors import StackError

ADDRESSES = dict.fromkeys(("ec2-api", "s3", "mlflow", "api"), "http://127.0.0.1:1")
QUIET = Console(quiet=True)


def known(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "secrets.json").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_replaced_and_the_others_stay(name: str, tmp_path: Path) -> None:
    variables(tmp_path, ADDRESSES)
    before = known(tmp_path)
    rotate_embedded(tmp_path, [name], QUIET)
    after = known(tmp_path)
    assert {each for each in before if before[each] != after[each]} == {NAMES[name]}
    assert variables(tmp_path, ADDRESSES)["READMIT_KEY_SECRET"] == after["READMIT_KEY_SECRET"]


def test_a_secret_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    variables(tmp_path, ADDRESSES)
    with pytest.raises(StackError, match=r"^there is no secret airflow_password; there are key_secret, reload_token"):
        rotate_embedded(tmp_path, ["airflow_password"], QUIET)


def test_a_stack_that_was_never_started_has_no_secret_to_replace(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="has no secrets yet$"):
        rotate_embedded(tmp_path, ["key_secret"], QUIET)
