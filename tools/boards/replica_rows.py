"""The rows of the board 'API performance' on errors and replicas."""

from tools.boards.api_queries import FAILING, RATE, REFUSED, REPLICAS, STATUS_COLORS, share_of_predictions
from tools.boards.panels import GREEN, ORANGE, PURPLE, RED, Column, PanelRow, Query, Style, graph, table

ERRORS = PanelRow(
    "Errors",
    (
        graph(
            "Share of refused and failing predictions",
            "Share of the prediction requests that were refused (4xx: an error of the client) or failed (5xx). "
            "Each has its alert.",
            "percentunit",
            (Query(share_of_predictions("4.."), "refused"), Query(share_of_predictions("5.."), "failing")),
            thresholds=((None, GREEN), (FAILING, ORANGE), (REFUSED, RED)),
            style=Style(colors={"refused": ORANGE, "failing": RED}, low=0),
            width=8,
            alerts=("RequestsRefused", "PredictionsFailing"),
        ),
        graph(
            "Errors by status",
            "Requests and batch rows per second for which no prediction could be made, by status.",
            "short",
            (
                Query(
                    f"sum by (status) (rate(readmit_prediction_errors_total{{{REPLICAS}}}{RATE}))",
                    "{{status}}",
                    empty_when="every prediction so far was made",
                ),
            ),
            style=Style(stacked=True, colors=STATUS_COLORS),
            width=8,
            alerts=("PredictionsFailing", "RequestsRefused"),
        ),
        graph(
            "Failed reloads and lost log lines",
            "Failed attempts to load a model, and log lines that could not be written, in five minutes.",
            "none",
            (
                Query(f"sum(increase(readmit_model_reload_failures_total{{{REPLICAS}}}[5m]))", "failed reloads"),
                Query(f"sum(increase(readmit_log_lines_dropped_total{{{REPLICAS}}}[5m]))", "lost log lines"),
            ),
            style=Style(colors={"failed reloads": RED, "lost log lines": ORANGE}, low=0),
            width=8,
            alerts=("ModelNotLoading", "LogLinesLost"),
        ),
    ),
)

PROCESSES = PanelRow(
    "Replicas",
    (
        graph(
            "CPU",
            "Cores in use by each replica's process. Batches are computed in a process of their own.",
            "none",
            (Query(f"rate(process_cpu_seconds_total{{{REPLICAS}}}{RATE})", "{{instance}}"),),
            style=Style(low=0, decimals=2),
            width=8,
            alerts=("PredictionsSlow",),
        ),
        graph(
            "Memory",
            "Resident memory of each replica's process.",
            "bytes",
            (Query(f"process_resident_memory_bytes{{{REPLICAS}}}", "{{instance}}"),),
            style=Style(low=0),
            width=8,
            alerts=("MemoryLow",),
        ),
        graph(
            "Open files",
            "Open files and connections of each replica's process.",
            "none",
            (Query(f"process_open_fds{{{REPLICAS}}}", "{{instance}}"),),
            style=Style(low=0, decimals=0),
            width=8,
            alerts=("PredictionsFailing",),
        ),
        table(
            "Served versions and reloads",
            "The version that each replica serves, since when, and its reloads in the time range.",
            "none",
            (
                Query(f"max by (instance, version, candidate, target) (readmit_model_info{{{REPLICAS}}})"),
                Query(f"max by (instance) (readmit_model_loaded_timestamp_seconds{{{REPLICAS}}}) * 1000"),
                Query(f"max by (instance) (increase(readmit_model_reloads_total{{{REPLICAS}}}[$__range]))"),
                Query(f"max by (instance) (increase(readmit_model_reload_failures_total{{{REPLICAS}}}[$__range]))"),
            ),
            style=Style(decimals=0),
            columns=(
                Column("instance", "Replica"),
                Column("version", "Version"),
                Column("candidate", "Candidate"),
                Column("target", "Target"),
                Column("B", "Loaded", "dateTimeFromNow"),
                Column("C", "Reloads", "none"),
                Column("D", "Failed", "none"),
            ),
            alerts=("VersionsDisagree", "ModelNotLoading"),
        ),
        graph(
            "Reloads",
            "Successful reloads and failed attempts in five minutes, by replica.",
            "none",
            (
                Query(f"increase(readmit_model_reloads_total{{{REPLICAS}}}[5m])", "{{instance}} reloaded"),
                Query(f"increase(readmit_model_reload_failures_total{{{REPLICAS}}}[5m])", "{{instance}} failed"),
            ),
            style=Style(low=0, colors={"/reloaded$/": PURPLE, "/failed$/": RED}),
            alerts=("ModelNotLoading",),
        ),
    ),
)
