"""The table in docs/security.md holds every attack that is tested, and no other."""

import subprocess
import sys
from pathlib import Path

from readmit.settings import environment_with
from tests.security.attack_table import PAGE, RESULTS_VARIABLE, TABLE, Result, cells, read, render

HERE = Path(__file__).parent


def declared(results: Path) -> set[tuple[str, str]]:
    """Return attack and service of each test that is marked as an attack, containers included."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", str(HERE)]
    environment = environment_with({RESULTS_VARIABLE: str(results)})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {(each.attack, each.service) for each in read(results.read_text().splitlines())}


def test_the_page_lists_each_attack_that_is_tested_and_none_succeeds(tmp_path: Path) -> None:
    found = TABLE.search(PAGE.read_text())
    assert found is not None, f"{PAGE} has no table of attacks"
    assert cells(found[0]) == declared(tmp_path / "results"), "run `just ops::attacks`, which writes the table"
    assert "of these succeeded: 0." in found[0]


def test_a_table_shows_what_the_attacker_gets_and_names_what_succeeded() -> None:
    results = [
        Result("foreign Host", "api", True, "400"),
        Result("foreign Host", "api", True, None),
        Result("slow heads", "ec2-api", False, None),
    ]
    table = render(results)
    assert "| foreign Host | 400, refused |  |" in table
    assert "| slow heads |  | **SUCCEEDED** |" in table
    assert "Attacks tried: 2; of these succeeded: 1." in table
    assert cells(table) == {("foreign Host", "api"), ("slow heads", "ec2-api")}
