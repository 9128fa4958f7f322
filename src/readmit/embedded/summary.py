"""The report in a few plain lines, for the terminal."""

import math

from rich.console import Console
from rich.table import Table

from readmit.core.version import Version
from readmit.embedded.labels import COME_BACK, SOURCES
from readmit.embedded.report import Production, Report
from readmit.settings import Settings
from readmit.stacks.terminal import counted


def summary(told: Report, console: Console) -> None:
    """Prints what came, what was learnt, what is served."""
    rows = told.rows
    console.rule("what happened")
    batches = counted(len(told.days), "batch", "batches")
    console.print(f"Data: {SOURCES[str(told.data['source'])]}; {rows['raw']:,} encounters in {batches}.")
    counts = {name: f"{number:,} {name}" for name, number in rows.items()}
    console.print(
        f"Rows: {counts['raw']} = {counts['clean']} + {counts['quarantined']} + {counts['excluded']}; "
        f"{counts['train']}, {counts['validation']}, {counts['test']}."
    )
    console.print(_candidates(told))
    for day in told.days:
        console.print(
            f"Batch {day.batch}, {sum(day.seconds.values()):.0f} s: {day.verdict or 'no verdict'}", markup=False
        )
    if told.production is None:
        console.print("[red]No model was good enough for production.[/red]")
    else:
        _production(told.production, told.target, console)
    if told.prediction is not None:
        answer = told.prediction
        word = "follow up" if answer["prediction"] else "no follow-up needed"
        console.print(f"One encounter through the API: probability {answer['probability']:.3f}, {word}.")


def _candidates(told: Report) -> Table:
    table = Table(
        "candidate",
        "ROC-AUC (95 %)",
        "log loss",
        "fit",
        "",
        title="Candidates on validation, last batch",
        title_justify="left",
    )
    for each in told.candidates:
        found = each.figures
        interval = f"{found['roc_auc']:.3f} ({found['roc_auc_low']:.3f} to {found['roc_auc_high']:.3f})"
        became = f"chosen: version {each.version}, {each.outcome or 'not judged'}" if each.chosen else ""
        table.add_row(each.name, interval, f"{found['log_loss']:.4f}", f"{found['fit_seconds']:.1f} s", became)
    return table


def _production(model: Production, model_target: str, console: Console) -> None:
    test = model.test
    console.print(
        f"In production: {model.name}, version {model.version}. On patients it never saw: "
        f"ROC-AUC {test['roc_auc']:.3f}, log loss {test['log_loss']:.4f}, ECE {test['ece']:.3f}, "
        f"observed/expected {test['observed_expected']:.2f}."
    )
    console.print(
        f"Of 100 discharges it flags {100 * test['flagged']:.0f}; {100 * test['ppv']:.0f} of 100 flagged came back "
        f"{COME_BACK[model_target]}; it finds {100 * test['sensitivity']:.0f} of 100 who come back."
    )


def other_aim(production: Version, asked: Settings) -> str | None:
    """One sentence, if the settings ask for another target or threshold than the version in production has."""
    if production.target == asked.target and math.isclose(production.threshold, asked.threshold):
        return None
    return (
        f"READMIT_TARGET and READMIT_COST_RATIO ask for {asked.target} at threshold {asked.threshold:.4g}; version "
        f"{production.number}, which stays in production, is for {production.target} at {production.threshold:.4g}."
    )
