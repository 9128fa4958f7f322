"""A short text summary of the report, for the terminal."""

import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from readmit.core.version import Version
from readmit.embedded.labels import READMISSION_WINDOWS, SOURCE_LABELS
from readmit.embedded.later_batches import LaterBatchResult
from readmit.embedded.report import Production, Report
from readmit.settings import Settings
from readmit.stacks.terminal import counted


def print_summary(report: Report, console: Console) -> None:
    """Print the data, the candidates, the verdicts and the model in production."""
    rows = report.rows
    console.rule("summary")
    batches = counted(len(report.days), "batch", "batches")
    console.print(f"Data: {SOURCE_LABELS[str(report.data['source'])]}; {rows['raw']:,} encounters in {batches}.")
    counts = {name: f"{number:,} {name}" for name, number in rows.items()}
    console.print(
        f"Rows: {counts['raw']} = {counts['clean']} + {counts['quarantined']} + {counts['excluded']}; "
        f"{counts['train']}, {counts['validation']}, {counts['test']}."
    )
    console.print(_candidates(report))
    for day in report.days:
        console.print(
            f"Batch {day.batch}, {sum(day.seconds.values()):.0f} s: {day.verdict or 'no verdict'}", markup=False
        )
    if report.prospective:
        _later_batch(report.prospective[-1], report.target, console)
    if report.production is None:
        console.print("[red]No model was good enough for production.[/red]")
    else:
        _production(report, report.production, console)
    if report.prediction is not None:
        prediction = report.prediction
        decision = "flagged" if prediction["prediction"] else "not flagged"
        console.print(f"One encounter through the API: probability {prediction['probability']:.3f}, {decision}.")


def _candidates(report: Report) -> Table:
    table = Table(
        "candidate",
        "ROC-AUC (95 %)",
        "log loss",
        "fit",
        "",
        title="Candidates on validation, last batch",
        title_justify="left",
    )
    for candidate in report.candidates:
        figures = candidate.figures
        interval = f"{figures['roc_auc']:.3f} ({figures['roc_auc_low']:.3f} to {figures['roc_auc_high']:.3f})"
        status = f"chosen: version {candidate.version}, {candidate.outcome or 'not judged'}" if candidate.chosen else ""
        table.add_row(candidate.name, interval, f"{figures['log_loss']:.4f}", f"{figures['fit_seconds']:.1f} s", status)
    return table


def _later_batch(result: LaterBatchResult, target: str, console: Console) -> None:
    figures = result.figures
    console.print(
        f"Version {result.version}, on batch {result.batch} before anything was learned from it: "
        f"ROC-AUC {figures['roc_auc']:.3f} ({figures['roc_auc_low']:.3f} to {figures['roc_auc_high']:.3f}), "
        f"observed/expected {figures['observed_expected']:.2f} "
        f"({figures['observed_expected_low']:.2f} to {figures['observed_expected_high']:.2f})."
    )
    _flags(figures, target, console)


def _production(report: Report, model: Production, console: Console) -> None:
    test = model.test
    console.print(
        f"In production: {model.name}, version {model.version}. On test patients, whom verdicts have consulted "
        f"{counted(model.consulted, 'time', 'times')}: ROC-AUC {test['roc_auc']:.3f}, log loss {test['log_loss']:.4f}, "
        f"ECE {test['ece']:.3f}, observed/expected {test['observed_expected']:.2f}."
    )
    if not report.prospective:
        _flags(test, report.target, console)


def _flags(figures: Mapping[str, float], target: str, console: Console) -> None:
    console.print(
        f"Of 100 discharges, it flagged {100 * figures['flagged']:.0f}. "
        f"Of 100 flagged discharges, {100 * figures['ppv']:.0f} "
        f"were followed by a readmission {READMISSION_WINDOWS[target]}. "
        f"Of 100 discharges that were followed by a readmission, it flagged {100 * figures['sensitivity']:.0f}."
    )


def settings_mismatch(production: Version, settings: Settings) -> str | None:
    """Return a sentence if the settings have another target or threshold than the version in production, else None."""
    if production.target == settings.target and math.isclose(production.threshold, settings.threshold):
        return None
    return (
        f"READMIT_TARGET and READMIT_COST_RATIO set target {settings.target} and threshold {settings.threshold:.4g}; "
        f"version {production.number}, which stays in production, has target {production.target} and threshold "
        f"{production.threshold:.4g}."
    )
