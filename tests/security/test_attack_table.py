"""The table in docs/security.md has every tested attack and no other."""

import subprocess
import sys
from pathlib import Path

from readmit.settings import environment_with
from tests.security.attack_table import PAGE, RESULTS_VARIABLE, TABLE, Result, cells, read, render

HERE = Path(__file__).parent


def declared(results: Path) -> set[tuple[str, str]]:
    """Return attack and service of each test marked as an attack, including those on containers."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", str(HERE)]
    environment = environment_with({RESULTS_VARIABLE: str(results)})
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return {(result.attack, result.service) for result in read(results.read_text().splitlines())}


def test_the_page_lists_every_tested_attack_and_none_succeeds(tmp_path: Path) -> None:
    match = TABLE.search(PAGE.read_text())
    assert match is not None, f"{PAGE} has no table of attacks"
    assert cells(match[0]) == declared(tmp_path / "results"), "run `just ops::attacks` to update the table"
    assert "of these succeeded: 0." in match[0]


def test_the_table_shows_the_responses_and_marks_successful_attacks() -> None:
    results = [
        Result("foreign Host", "api", True, "400"),
        Result("foreign Host", "api", True, None),
        Result("slow headers", "ec2-api", False, None),
    ]
    table = render(results)
    assert "| foreign Host | 400, refused |  |" in table
    assert "| slow headers |  | **SUCCEEDED** |" in table
    assert "Attacks tried: 2; of these succeeded: 1." in table
    assert cells(table) == {("foreign Host", "api"), ("slow headers", "ec2-api")}
