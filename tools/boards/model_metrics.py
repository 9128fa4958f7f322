"""The board 'Model metrics': production on later batches, the day's model on test, trainings, verdicts, serving."""

from dataclasses import replace

from tools.boards.links import API, MODEL, OVERVIEW, TITLES
from tools.boards.model_queries import NO_CHAMPION, both, of_champion, of_model
from tools.boards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Board,
    PanelRow,
    Query,
    Style,
    Thresholds,
    Variable,
    graph,
    tile,
    timeline,
)
from tools.boards.prospective_rows import PROSPECTIVE
from tools.boards.shared_panels import (
    PROMOTIONS,
    in_production_since,
    outcome_of_the_day,
    predictions_by_version,
    served_version,
)
from tools.boards.training_rows import CANDIDATES, VERDICTS

ROC_AUC: Thresholds = ((None, ORANGE), (0.68, GREEN))
SKILL: Thresholds = ((None, ORANGE), (0.062, GREEN))
ECE: Thresholds = ((None, GREEN), (0.015, ORANGE))
CALIBRATION: Thresholds = ((None, ORANGE), (0.95, GREEN), (1.05, ORANGE))
"""Green: what the project requires of a model on the full data."""
MODEL_COLORS = {"model": BLUE, "champion": GREY}
OVER_DAYS = Style(colors=MODEL_COLORS, decimals=3, stepped=True, calcs=("lastNotNull", "min", "max"))
"""A metric of the day's model and of the champion, which changes once a day."""
SERVED = 'job=~"$job", version=~"$version"'

PRODUCTION = PanelRow(
    "Production and the last day's model",
    (
        served_version(OVERVIEW),
        in_production_since(OVERVIEW),
        outcome_of_the_day(OVERVIEW),
        tile(
            "ROC-AUC",
            "Probability that a readmitted patient has a higher risk than one who is not, for the last day's model on "
            "the test patients.",
            "none",
            (Query(of_model("roc_auc")),),
            thresholds=ROC_AUC,
            style=Style(decimals=3),
            alerts=("ModelStale",),
        ),
        tile(
            "Skill",
            "1 - log loss / log loss of the base rate: 0 is as good as predicting the average for everybody.",
            "none",
            (Query(of_model("skill")),),
            thresholds=SKILL,
            style=Style(decimals=3),
            alerts=("ModelStale",),
        ),
        tile(
            "Observed / expected",
            "Readmissions observed, divided by those predicted: above 1 the model underestimates the risk.",
            "none",
            (Query(of_model("observed_expected")),),
            thresholds=CALIBRATION,
            style=Style(decimals=3),
            alerts=("ModelStale",),
        ),
        tile(
            "ECE",
            "Expected calibration error: the mean gap between predicted and observed risk, over 20 groups of equal "
            "size.",
            "none",
            (Query(of_model("ece")),),
            thresholds=ECE,
            style=Style(decimals=4),
            alerts=("ModelStale",),
        ),
        tile(
            "Flagged",
            "Share of the test patients that the last day's model flags at its threshold.",
            "percentunit",
            (Query(of_model("flagged")),),
            style=Style(decimals=1),
            boards=(API,),
        ),
    ),
)

TEST = PanelRow(
    "The day's model and the champion, on the test patients",
    (
        graph(
            "ROC-AUC with its 95 % interval",
            "The day's model and the champion that it was compared with; the areas are 95 % intervals (bootstrap over "
            "patients).",
            "none",
            (
                *both("roc_auc"),
                Query(of_model("roc_auc", "low"), "model low"),
                Query(of_model("roc_auc", "high"), "model high"),
                Query(of_champion("roc_auc", "low"), "champion low", empty_when=NO_CHAMPION),
                Query(of_champion("roc_auc", "high"), "champion high", empty_when=NO_CHAMPION),
            ),
            style=replace(
                OVER_DAYS,
                colors={
                    **MODEL_COLORS,
                    **{f"model {bound}": BLUE for bound in ("low", "high")},
                    **{f"champion {bound}": GREY for bound in ("low", "high")},
                },
                bands={"model high": "model low", "champion high": "champion low"},
            ),
            boards=(OVERVIEW,),
        ),
        graph(
            "$metric",
            "The metric chosen above, of the day's model and of the champion.",
            "none",
            tuple(
                Query(query.expr.replace('metric="roc_auc"', 'metric=~"$metric"'), query.legend, query.empty_when)
                for query in both("roc_auc")
            ),
            style=OVER_DAYS,
            boards=(OVERVIEW,),
        ),
        graph(
            "Calibration: observed / expected",
            "Readmissions observed, divided by those predicted: 1 is perfect.",
            "none",
            both("observed_expected"),
            thresholds=CALIBRATION,
            style=OVER_DAYS,
            width=8,
            alerts=("ModelStale",),
        ),
        graph(
            "Calibration error",
            "Expected calibration error, over 20 groups of equal size: 0 is perfect.",
            "none",
            both("ece"),
            thresholds=ECE,
            style=replace(OVER_DAYS, decimals=4, low=0),
            width=8,
            alerts=("ModelStale",),
        ),
        graph(
            "At the threshold",
            "Of the day's model: share of the readmitted that is flagged (recall), share of the flagged that is "
            "readmitted (precision), and share of all that is flagged.",
            "percentunit",
            tuple(Query(of_model(name), name) for name in ("recall", "precision", "flagged")),
            style=Style(
                colors={"recall": GREEN, "precision": PURPLE, "flagged": ORANGE},
                low=0,
                stepped=True,
                calcs=("lastNotNull",),
            ),
            width=8,
            boards=(API,),
        ),
    ),
)

SERVING = PanelRow(
    "Serving",
    (
        timeline(
            "Versions served",
            "When each replica served which version.",
            "none",
            (
                Query(
                    f"max by (instance, version) (readmit_model_info{{{SERVED}}})", "{{instance}} version {{version}}"
                ),
            ),
            style=Style(mappings={"1": ("serves it", PURPLE)}),
            boards=(API,),
            alerts=("VersionsDisagree",),
        ),
        predictions_by_version(API),
        graph(
            "Flagged share of the predictions",
            "Share of the served predictions that is flagged, compared with the share on the test patients.",
            "percentunit",
            (
                Query(
                    f'sum by (version) (rate(readmit_predictions_total{{{SERVED}, outcome="1"}}[$__rate_interval])) '
                    f"/ sum by (version) (rate(readmit_predictions_total{{{SERVED}}}[$__rate_interval]))",
                    "version {{version}}",
                ),
                Query(of_model("flagged"), "test patients"),
            ),
            style=Style(low=0, colors={"test patients": GREY}),
            boards=(API,),
        ),
        graph(
            "Flagged per day",
            "Predictions in the 24 hours before: flagged and not flagged.",
            "short",
            tuple(
                Query(f'sum(increase(readmit_predictions_total{{{SERVED}, outcome="{outcome}"}}[1d]))', name)
                for outcome, name in ((1, "flagged"), (0, "not flagged"))
            ),
            style=Style(stacked=True, colors={"flagged": ORANGE, "not flagged": BLUE}, decimals=0),
            boards=(API,),
        ),
    ),
)

BOARD = Board(
    MODEL,
    TITLES[MODEL],
    "Production on later batches, candidates, the day's model and the champion on test, verdicts, versions served.",
    period="7d",
    variables=(
        Variable("metric", "readmit_model_metric", default="roc_auc"),
        Variable("candidate", "readmit_candidate_metric"),
        Variable("job", "readmit_model_info"),
        Variable("version", "readmit_predictions_total"),
    ),
    rows=(PROSPECTIVE, PRODUCTION, TEST, CANDIDATES, VERDICTS, SERVING),
    marks=PROMOTIONS,
)
