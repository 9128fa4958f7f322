"""Write the table of attacks and services in docs/security.md from what the attack tests reported.

`python -m tests.security.attack_table RESULTS`, where RESULTS was named by READMIT_ATTACK_RESULTS.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/security.md"
TABLE = re.compile(r"(?<=<!-- attacks -->\n).*?(?=<!-- /attacks -->)", re.DOTALL)
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
    lines = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines() if "|" in line]
    (_, *services), _, *rows = lines
    return {(row[0], service) for row in rows for service, cell in zip(services, row[1:], strict=True) if cell}


def _row(attack: str, services: Sequence[str], results: Sequence[Result]) -> str:
    texts = (
        ", ".join(dict.fromkeys(each.text for each in results if (each.attack, each.service) == (attack, service)))
        for service in services
    )
    return f"| {attack} | {' | '.join(texts)} |\n"


def main(results: Path) -> int:
    """Replace the table. Return 1 if an attack succeeded."""
    found = read(results.read_text().splitlines())
    PAGE.write_text(TABLE.sub(lambda _: render(found), PAGE.read_text()))
    return 0 if all(each.passed for each in found) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
