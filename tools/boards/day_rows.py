"""The rows of the board 'MLOps overview' on the last day."""

from tools.boards.panels import GREEN, ORANGE, RED, Column, PanelRow, Query, Style, bars, graph, table
from tools.boards.rules import alert_threshold

DAY = PanelRow(
    "Last day",
    (
        table(
            "Steps",
            "Duration of the last successful attempt at each step, peak memory of the last attempt, and when it last "
            "succeeded and failed.",
            "none",
            (
                Query("sort_desc(max by (step) (readmit_step_seconds))"),
                Query("max by (step) (readmit_step_peak_memory_bytes)"),
                Query("max by (step) (readmit_step_succeeded_timestamp_seconds) * 1000"),
                Query(
                    "max by (step) (readmit_step_failed_timestamp_seconds) * 1000",
                    empty_when="no attempt at a step has failed",
                ),
            ),
            columns=(
                Column("step", "Step"),
                Column("A", "Duration", "s"),
                Column("B", "Peak memory", "bytes"),
                Column("C", "Succeeded", "dateTimeFromNow"),
                Column("D", "Failed", "dateTimeFromNow"),
            ),
            alerts=("DayFailed",),
        ),
        bars(
            "Rows of the batch",
            "Encounters of the last batch: raw = clean + quarantined + excluded.",
            "short",
            (Query("sort_desc(max by (stage) (readmit_day_rows))", "{{stage}}"),),
            alerts=("QuarantineHigh",),
        ),
        bars(
            "Quarantined by field",
            "Encounters of the last batch that break the contract, by the field that breaks it.",
            "short",
            (
                Query(
                    "sort_desc(max by (field) (readmit_day_quarantined))",
                    "{{field}}",
                    empty_when="no encounter of the batch was quarantined",
                ),
            ),
            thresholds=((None, ORANGE),),
            alerts=("QuarantineHigh",),
        ),
        graph(
            "Duration of steps",
            "Seconds of the last successful attempt at each step.",
            "s",
            (Query("max by (step) (readmit_step_seconds)", "{{step}}"),),
            style=Style(stepped=True, stacked=True, calcs=("lastNotNull", "max")),
            width=8,
            alerts=("BatchLate",),
        ),
        graph(
            "Peak memory of steps, share of the limit",
            "Peak memory of each step's process during its last attempt, as a share of its container's limit.",
            "percentunit",
            (
                Query(
                    "max by (step) (readmit_step_peak_memory_bytes) / max by (step) (readmit_step_memory_limit_bytes)",
                    "{{step}}",
                ),
            ),
            thresholds=((None, GREEN), (alert_threshold("TrainingMemoryHigh"), RED)),
            style=Style(stepped=True, low=0, high=1, calcs=("lastNotNull", "max")),
            width=8,
            alerts=("TrainingMemoryHigh",),
        ),
        graph(
            "Quarantined share",
            "Encounters of the batch in quarantine, as a share of its raw rows.",
            "percentunit",
            (
                Query(
                    'max(readmit_day_rows{stage="quarantined"}) / max(readmit_day_rows{stage="raw"})',
                    "quarantined",
                ),
            ),
            thresholds=((None, GREEN), (alert_threshold("QuarantineHigh"), RED)),
            style=Style(stepped=True, low=0, colors={"quarantined": ORANGE}, calcs=("lastNotNull", "max")),
            width=8,
            alerts=("QuarantineHigh",),
        ),
    ),
)
