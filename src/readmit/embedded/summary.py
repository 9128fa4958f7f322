"""A short text summary of the report, for the terminal."""

import math

from rich.console import Console
from rich.table import Table

from readmit.core.version import Version
from readmit.embedded.labels import READMISSION_WINDOWS, SOURCE_LABELS
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
    if report.production is None:
        console.print("[red]No model was good enough for production.[/red]")
    else:
        _production(report.production, report.target, console)
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


def _production(model: Production, model_target: str, console: Console) -> None:
    test = model.test
    console.print(
        f"In production: {model.name}, version {model.version}. On patients unseen in training: "
        f"ROC-AUC {test['roc_auc']:.3f}, log loss {test['log_loss']:.4f}, ECE {test['ece']:.3f}, "
        f"observed/expected {test['observed_expected']:.2f}."
    )
    console.print(
        f"Of 100 discharges, it flags {100 * test['flagged']:.0f}. Of 100 flagged discharges, {100 * test['ppv']:.0f} "
        f"were followed by a readmission {READMISSION_WINDOWS[model_target]}. "
        f"Of 100 discharges that were followed by a readmission, it flagged {100 * test['sensitivity']:.0f}."
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
