"""What is kept of a load beside Locust's own page and tables: its summary for machines and for people."""

import json
from dataclasses import asdict
from pathlib import Path

from capacity import Capacity, LoadStep
from options import LoadOptions


def write_summary(asked: LoadOptions, host: str, words: str, step: LoadStep) -> None:
    """summary.json: what was asked, measured and judged."""
    about = {"profile": asked.profile, "host": host, "payloads": words, "mix": [each.__name__ for each in asked.mix]}
    _write(asked.reports / "summary.json", {**about, **_told(step), "passed": step.holds})


def write_capacity(asked: LoadOptions, host: str, words: str, found: Capacity) -> None:
    """capacity.json and capacity.md: each step, and what it came to."""
    good, broke = found.greatest, found.broke
    told = {
        "host": host,
        "payloads": words,
        "greatest": good and _told(good),
        "broke": broke and {**_told(broke), "by": [each.name for each in broke.thresholds if not each.holds]},
        "steps": [_told(step) for step in found.steps],
    }
    _write(asked.reports / "capacity.json", told)
    (asked.reports / "capacity.md").write_text(_page(host, words, found))


def _told(step: LoadStep) -> dict[str, object]:
    one = step.measured
    derived = {"requests_per_second": one.rate, "error_rate": one.errors, "share_of_offered": one.share}
    return {**asdict(one), **derived, "thresholds": [asdict(each) for each in step.thresholds]}


def _write(file: Path, told: object) -> None:
    file.write_text(json.dumps(told, indent=2) + "\n")


def _page(host: str, words: str, found: Capacity) -> str:
    rows = [
        f"| {one.users:,} | {one.rate:,.1f} | {one.share:.1%} | {one.errors:.2%} | {one.median:,.0f} | {one.p95:,.0f} "
        f"| {one.p99:,.0f} | {one.own_cpu:.2f} | {'yes' if step.holds else 'no'} |"
        for step in found.steps
        for one in (step.measured,)
    ]
    head = "| users | requests/s | of offered | failed | median, ms | p95, ms | p99, ms | cores of the load | holds |"
    parts = (
        "# Capacity",
        f"{found.in_words()}",
        f"{host}, {words}.",
        "\n".join((head, "|---" * 9 + "|", *rows)),
    )
    return "\n\n".join(parts) + "\n"
