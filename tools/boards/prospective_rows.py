"""The first row of the board 'Model metrics': the version in production on batches that it had not learned from."""

from tools.boards.links import API, OVERVIEW
from tools.boards.panels import BLUE, GREEN, ORANGE, PURPLE, PanelRow, Query, Style, Thresholds, graph, tile

NO_LATER_BATCH = "no batch has arrived since the first version was put into production"
FAIR_CALIBRATION: Thresholds = ((None, ORANGE), (0.85, GREEN), (1.15, ORANGE))
"""Green: within 15 % of 1; batches 2 to 6 of the published file gave 0.87 to 1.04."""


def _later(metric: str, bound: str = "value") -> str:
    return f'max(readmit_prospective_metric{{metric="{metric}", bound="{bound}"}})'


def _query(metric: str, bound: str = "value", legend: str = "") -> Query:
    return Query(_later(metric, bound), legend, empty_when=NO_LATER_BATCH)


def _with_interval(metric: str) -> tuple[Query, ...]:
    return tuple(_query(metric, bound, bound) for bound in ("value", "low", "high"))


BAND = Style(
    colors=dict.fromkeys(("value", "low", "high"), BLUE),
    bands={"high": "low"},
    decimals=3,
    stepped=True,
    calcs=("lastNotNull", "min", "max"),
)

PROSPECTIVE = PanelRow(
    "The version in production on the newest batch, before anything was learned from it",
    (
        tile(
            "ROC-AUC on the newest batch",
            "Probability that a readmitted patient has a higher risk than one who is not, on all included stays of the "
            "batch, by the version in production when it arrived.",
            "none",
            (_query("roc_auc"),),
            style=Style(decimals=3),
            boards=(OVERVIEW,),
        ),
        tile(
            "Observed / expected on it",
            "Readmissions observed in the batch, divided by those predicted: above 1 the risk was underestimated.",
            "none",
            (_query("observed_expected"),),
            thresholds=FAIR_CALIBRATION,
            style=Style(decimals=2),
            boards=(OVERVIEW,),
        ),
        tile(
            "Newest batch evaluated",
            "The batch that these figures are of: the newest one that arrived while a version was in production.",
            "none",
            (Query("max(readmit_prospective_batch)", empty_when=NO_LATER_BATCH),),
            style=Style(decimals=0),
            boards=(OVERVIEW,),
        ),
        graph(
            "ROC-AUC from batch to batch",
            "Of the version in production on each batch; the area is its 95 % interval (bootstrap over patients).",
            "none",
            _with_interval("roc_auc"),
            style=BAND,
            width=8,
            boards=(OVERVIEW,),
        ),
        graph(
            "Observed / expected from batch to batch",
            "Readmissions observed in each batch, divided by those predicted; the area is the 95 % interval.",
            "none",
            _with_interval("observed_expected"),
            style=BAND,
            width=8,
            boards=(OVERVIEW,),
        ),
        graph(
            "At the threshold, from batch to batch",
            "Share of the readmitted that was flagged (recall), share of the flagged that was readmitted (precision), "
            "and share of all that was flagged.",
            "percentunit",
            tuple(_query(name, legend=name) for name in ("recall", "precision", "flagged")),
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
