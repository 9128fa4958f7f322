"""The rows of the board 'Model metrics' on trainings and their verdicts."""

from tools.boards.links import OVERVIEW
from tools.boards.model_queries import NO_CHAMPION, candidate, of_champion, of_model
from tools.boards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    Column,
    PanelRow,
    Query,
    Style,
    bars,
    graph,
    table,
    tile,
    timeline,
)

CANDIDATES = PanelRow(
    "Candidates, on the validation patients",
    (
        table(
            "Candidates of the last training",
            "Metrics of each candidate; the simplest within one standard error of the lowest log loss is refitted and registered.",
            "none",
            (
                candidate("log_loss"),
                candidate("roc_auc"),
                candidate("roc_auc_low"),
                candidate("roc_auc_high"),
                candidate("pr_auc"),
                candidate("ece"),
                candidate("fit_seconds"),
            ),
            style=Style(decimals=4),
            columns=(
                Column("candidate", "Candidate"),
                Column("A", "Log loss", "none"),
                Column("B", "ROC-AUC", "none"),
                Column("C", "ROC-AUC low", "none"),
                Column("D", "ROC-AUC high", "none"),
                Column("E", "PR-AUC", "none"),
                Column("F", "ECE", "none"),
                Column("G", "Fit", "s"),
            ),
            width=14,
            boards=(OVERVIEW,),
        ),
        bars(
            "$metric by candidate",
            "The metric chosen above, of each candidate of the last training.",
            "none",
            (
                Query(
                    'sort_desc(max by (candidate) (readmit_candidate_metric{metric=~"$metric", '
                    'candidate=~"$candidate"}))',
                    "{{candidate}}",
                ),
            ),
            style=Style(decimals=3, low=0),
            width=10,
            boards=(OVERVIEW,),
        ),
        graph(
            "ROC-AUC of the candidates",
            "The candidates of each training, with more data every day.",
            "none",
            (candidate("roc_auc"),),
            style=Style(decimals=3, stepped=True, calcs=("lastNotNull", "min", "max")),
            boards=(OVERVIEW,),
        ),
        graph(
            "Fitting time of the candidates",
            "Seconds to fit each candidate; the fit of an earlier run with the same data and code is reused.",
            "s",
            (candidate("fit_seconds"),),
            style=Style(low=0, stepped=True, calcs=("lastNotNull", "max")),
            boards=(OVERVIEW,),
            alerts=("TrainingMemoryHigh",),
        ),
    ),
)

VERDICTS = PanelRow(
    "Verdicts",
    (
        tile(
            "Promotions in the time range",
            "Changes of the version in production from the end of a day to the next; the first one does not count.",
            "none",
            (Query("sum(changes(readmit_production_version[$__range]))"),),
            width=6,
            boards=(OVERVIEW,),
        ),
        tile(
            "Days finished in the time range",
            "Completed days; the first one does not count.",
            "none",
            (Query("sum(changes(readmit_day_finished_timestamp_seconds[$__range]))"),),
            width=6,
            alerts=("BatchLate",),
        ),
        tile(
            "Base rate",
            "Share of the test patients that was readmitted.",
            "percentunit",
            (Query(of_model("base_rate")),),
            style=Style(decimals=1),
            width=6,
            boards=(OVERVIEW,),
        ),
        tile(
            "Change in ROC-AUC",
            "ROC-AUC of the last day's model minus that of the champion.",
            "none",
            (Query(f"{of_model('roc_auc')} - {of_champion('roc_auc')}", empty_when=NO_CHAMPION),),
            thresholds=((None, ORANGE), (0, GREEN)),
            style=Style(decimals=4),
            width=6,
            boards=(OVERVIEW,),
        ),
        timeline(
            "Outcome of each day",
            "Promoted, provisional (the first model), refused by a gate, or not trained.",
            "none",
            (Query("max by (outcome) (readmit_day_outcome)", "{{outcome}}"),),
            style=Style(mappings={"0": ("no", "transparent"), "1": ("yes", GREEN)}),
            width=8,
            boards=(OVERVIEW,),
        ),
        timeline(
            "Promotion gates",
            "Whether the day's model passed each gate: the reason for a refusal is the gate that it failed.",
            "none",
            (Query("min by (gate) (readmit_day_gate_passed)", "{{gate}}"),),
            style=Style(mappings={"0": ("failed", RED), "1": ("passed", GREEN)}),
            width=8,
            alerts=("ModelStale",),
        ),
        graph(
            "Versions over the days",
            "The version evaluated last, and the one in production when the last day with training ended: apart while "
            "models are refused.",
            "none",
            (
                Query("max(readmit_evaluated_version)", "evaluated"),
                Query("max(readmit_production_version)", "production"),
            ),
            style=Style(
                stepped=True, decimals=0, colors={"evaluated": BLUE, "production": PURPLE}, calcs=("lastNotNull",)
            ),
            width=8,
            boards=(OVERVIEW,),
        ),
    ),
)
