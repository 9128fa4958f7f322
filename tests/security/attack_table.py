"""`just ops::attacks`: run the attack tests, and write their results into the table of docs/security.md."""

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
"""Names the file that gets a line of JSON for each attack: `attack`, `service`, `passed`, `answer`."""
HELD, SUCCEEDED = "refused", "**SUCCEEDED**"


@dataclass(frozen=True, slots=True)
class Result:
    """One attack on one service. `passed`: nothing came of it; `answer`: what the attacker got, where known."""

    attack: str
    service: str
    passed: bool
    answer: str | None

    @property
    def text(self) -> str:
        return (self.answer or HELD) if self.passed else SUCCEEDED


def read(lines: Iterable[str]) -> list[Result]:
    """Parse the results, one JSON object per line."""
    return [Result(**json.loads(line)) for line in lines]


def render(results: Sequence[Result]) -> str:
    """Return the table in Markdown: a row per attack, a column per service."""
    services = sorted({each.service for each in results})
    head = f"| attack | {' | '.join(services)} |\n|---|{'---|' * len(services)}\n"
    rows = "".join(_row(attack, services, results) for attack in sorted({each.attack for each in results}))
    tried = {(each.attack, each.service) for each in results}
    failed = {(each.attack, each.service) for each in results if not each.passed}
    return f"{head}{rows}\nAttacks tried: {len(tried)}; of these succeeded: {len(failed)}.\n"


def cells(table: str) -> set[tuple[str, str]]:
    """Return attack and service of each cell of a rendered table that is not empty."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "|" in line]
    (_, *services), _, *rows = lines
    return {(row[0], service) for row in rows for service, cell in zip(services, row[1:], strict=True) if cell}


def _row(attack: str, services: Sequence[str], results: Sequence[Result]) -> str:
    texts = (
        ", ".join(dict.fromkeys(each.text for each in results if (each.attack, each.service) == (attack, service)))
        for service in services
    )
    return f"| {attack} | {' | '.join(texts)} |\n"


def main(options: Sequence[str]) -> int:
    """Run the attacks, those on containers too, and replace the table. Return the worst exit code of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        codes = [_attack(results, *options), _attack(results, "-m", "e2e", *options)]
        PAGE.write_text(TABLE.sub(lambda _: render(read(results.read_text().splitlines())), PAGE.read_text()))
    return max(codes)


def _attack(results: Path, *options: str) -> int:
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), *options]
    environment = environment_with({RESULTS_VARIABLE: str(results)})
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
