"""`just ops::attacks`: run the attack tests and write their results to the table in docs/security.md."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from readmit.settings import environment_with

PAGE = Path(__file__).parents[2] / "docs/security.md"
TABLE = re.compile(r"(?<=<!-- attacks -->\n).*?(?=<!-- /attacks -->)", re.DOTALL)
RESULTS_VARIABLE = "READMIT_ATTACK_RESULTS"
"""Variable with the path of the results, one JSON line per attack: `attack`, `service`, `passed`, `answer`."""
BLOCKED, SUCCEEDED = "refused", "**SUCCEEDED**"


@dataclass(frozen=True, slots=True)
class Result:
    """One attack on one service. `passed`: without effect; `answer`: the response to the attacker, where known."""

    attack: str
    service: str
    passed: bool
    answer: str | None

    @property
    def text(self) -> str:
        return (self.answer or BLOCKED) if self.passed else SUCCEEDED


def read(lines: Iterable[str]) -> list[Result]:
    """Parse the results, one JSON object per line."""
    return [Result(**json.loads(line)) for line in lines]


def render(results: Sequence[Result]) -> str:
    """Return the table in Markdown: a row per attack, a column per service."""
    services = sorted({result.service for result in results})
    header = f"| attack | {' | '.join(services)} |\n|---|{'---|' * len(services)}\n"
    rows = "".join(_row(attack, services, results) for attack in sorted({result.attack for result in results}))
    attempted = {(result.attack, result.service) for result in results}
    failed = {(result.attack, result.service) for result in results if not result.passed}
    return f"{header}{rows}\nAttacks tried: {len(attempted)}; of these succeeded: {len(failed)}.\n"


def cells(table: str) -> set[tuple[str, str]]:
    """Return attack and service of each non-empty cell of a rendered table."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "|" in line]
    (_, *services), _, *rows = lines
    return {(row[0], service) for row in rows for service, cell in zip(services, row[1:], strict=True) if cell}


def _row(attack: str, services: Sequence[str], results: Sequence[Result]) -> str:
    texts = (
        ", ".join(
            dict.fromkeys(result.text for result in results if (result.attack, result.service) == (attack, service))
        )
        for service in services
    )
    return f"| {attack} | {' | '.join(texts)} |\n"


def main(options: Sequence[str]) -> int:
    """Run the attacks, including those on containers, and replace the table. Returns the highest exit code."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        codes = [_run_attacks(results, *options), _run_attacks(results, "-m", "e2e", *options)]
        PAGE.write_text(TABLE.sub(lambda _: render(read(results.read_text().splitlines())), PAGE.read_text()))
    return max(codes)


def _run_attacks(results: Path, *options: str) -> int:
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), *options]
    environment = environment_with({RESULTS_VARIABLE: str(results)})
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
