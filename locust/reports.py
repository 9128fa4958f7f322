"""Reports beside Locust's own page and tables: summaries as JSON and Markdown."""

import json
from dataclasses import asdict
from pathlib import Path

from capacity import Capacity, LoadStep
from options import LoadOptions


def write_summary(options: LoadOptions, host: str, payload_description: str, step: LoadStep) -> None:
    """Write summary.json: the options, the measurements and the thresholds."""
    header = {
        "profile": options.profile,
        "host": host,
        "payloads": payload_description,
        "mix": [user_class.__name__ for user_class in options.mix],
    }
    _write_json(options.reports / "summary.json", {**header, **_step_json(step), "passed": step.holds})


def write_capacity(options: LoadOptions, host: str, payload_description: str, capacity: Capacity) -> None:
    """Write capacity.json and capacity.md: each step and the result."""
    passing, failing = capacity.last_passing, capacity.first_failing
    content = {
        "host": host,
        "payloads": payload_description,
        "greatest": passing and _step_json(passing),
        "broke": failing
        and {**_step_json(failing), "by": [threshold.name for threshold in failing.thresholds if not threshold.holds]},
        "steps": [_step_json(step) for step in capacity.steps],
    }
    _write_json(options.reports / "capacity.json", content)
    (options.reports / "capacity.md").write_text(_capacity_page(host, payload_description, capacity))


def _step_json(step: LoadStep) -> dict[str, object]:
    measured = step.measured
    derived = {"requests_per_second": measured.rate, "error_rate": measured.errors, "share_of_offered": measured.share}
    return {**asdict(measured), **derived, "thresholds": [asdict(threshold) for threshold in step.thresholds]}


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n")


def _capacity_page(host: str, payload_description: str, capacity: Capacity) -> str:
    rows = [
        f"| {m.users:,} | {m.rate:,.1f} | {m.share:.1%} | {m.errors:.2%} | {m.median:,.0f} | {m.p95:,.0f} "
        f"| {m.p99:,.0f} | {m.own_cpu:.2f} | {'yes' if step.holds else 'no'} |"
        for step in capacity.steps
        for m in (step.measured,)
    ]
    header = "| users | requests/s | of offered | failed | median, ms | p95, ms | p99, ms | load test cores | passed |"
    parts = (
        "# Capacity",
        f"{capacity.summary()}",
        f"{host}, {payload_description}.",
        "\n".join((header, "|---" * 9 + "|", *rows)),
    )
    return "\n\n".join(parts) + "\n"
