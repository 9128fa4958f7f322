import json
from pathlib import Path

import pytest
from rich.console import Console

from readmit.embedded.environment import variables
from readmit.embedded.secret_rotation import EMBEDDED_SECRETS, rotate_embedded
from readmit.stacks.errors import StackError

ADDRESSES = dict.fromkeys(("ec2-api", "s3", "mlflow", "api"), "http://127.0.0.1:1")
QUIET = Console(quiet=True)


def stored_secrets(folder: Path) -> dict[str, str]:
    stored: dict[str, str] = json.loads((folder / "secrets.json").read_text())
    return stored


@pytest.mark.parametrize("name", EMBEDDED_SECRETS)
def test_a_secret_is_replaced_and_the_others_stay(name: str, tmp_path: Path) -> None:
    variables(tmp_path, ADDRESSES)
    before = stored_secrets(tmp_path)
    rotate_embedded(tmp_path, [name], QUIET)
    after = stored_secrets(tmp_path)
    assert {secret for secret in before if before[secret] != after[secret]} == {EMBEDDED_SECRETS[name]}
    assert variables(tmp_path, ADDRESSES)["READMIT_KEY_SECRET"] == after["READMIT_KEY_SECRET"]


def test_an_unknown_secret_is_rejected_with_a_list_of_the_known_ones(tmp_path: Path) -> None:
    variables(tmp_path, ADDRESSES)
    with pytest.raises(StackError, match=r"^unknown secret airflow_password; known secrets: key_secret, reload_token"):
        rotate_embedded(tmp_path, ["airflow_password"], QUIET)


def test_a_stack_that_was_never_started_has_no_secret_to_replace(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="has no secrets yet$"):
        rotate_embedded(tmp_path, ["key_secret"], QUIET)
