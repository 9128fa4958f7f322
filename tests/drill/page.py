"""The table of docs/drill.md, which the drill writes between two markers."""

import re
from collections.abc import Sequence

from readmit.containers.project import ROOT
from tests.drill.fault import Measurement

PAGE, BEGIN, END = ROOT / "docs/drill.md", "<!-- drill -->\n", "<!-- /drill -->"


def table(measured: Sequence[Measurement], minutes: float) -> str:
    """Return the table as Markdown, with the duration of the drill below it."""
    rows = [
        f"| {item.title} | `{item.alert}` | {item.to_fire:.0f} | {item.to_clear:.0f} |"
        for item in sorted(measured, key=lambda item: item.alert)
    ]
    head = ("| fault | alert | seconds to fire | seconds to clear |", "|---|---|---|---|")
    return "\n".join((*head, *rows, "", f"The drill took {minutes:.0f} minutes.", ""))


def replace_table(page: str, content: str) -> str:
    """Return the page with the table between its markers."""
    return re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}{content}{END}", page, flags=re.DOTALL)
