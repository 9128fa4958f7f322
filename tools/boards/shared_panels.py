"""Panels and marks that several boards have. `boards`: UIDs of the others, to which the panel links."""

from tools.boards.panels import BLUE, GREEN, ORANGE, Panel, Query, Style, graph, tile

PROMOTIONS = {"Promotion": "max(readmit_model_promoted_timestamp_seconds) * 1000"}
"""Marks in every graph."""
OUTCOME_COLORS = {"promoted": GREEN, "provisional": GREEN, "refused": ORANGE, "not_trained": BLUE}


def served_version(*boards: str) -> Panel:
    """Return a tile with the version that the API serves."""
    return tile(
        "Served version",
        "The version that the API serves; several while its replicas disagree.",
        "none",
        (Query("max by (version) (readmit_model_info)", "version {{version}}"),),
        style=Style(text="name"),
        boards=boards,
        alerts=("NoModelServed", "VersionsDisagree"),
    )


def in_production_since(*boards: str) -> Panel:
    """Return a tile with the time since the promotion of the served version."""
    return tile(
        "In production since",
        "When the served version was promoted.",
        "dateTimeFromNow",
        (Query("max(readmit_model_promoted_timestamp_seconds) * 1000"),),
        boards=boards,
        alerts=("ModelStale",),
    )


def outcome_of_the_day(*boards: str) -> Panel:
    """Return a tile with the outcome of the last day."""
    return tile(
        "Outcome of the last day",
        "What became of the last day's model: promoted, provisional (the first one), refused, or not trained.",
        "none",
        (
            Query(
                "max by (outcome) (readmit_day_outcome) == 1",
                "{{outcome}}",
                empty_when="not known yet: the day is in progress, or failed before its verdict",
            ),
        ),
        style=Style(colors=OUTCOME_COLORS, text="name"),
        boards=boards,
        alerts=("DayFailed",),
    )


def predictions_by_version(*boards: str) -> Panel:
    """Return a graph of the predictions of each chosen version."""
    return graph(
        "Predictions by version",
        "Predictions per second of each chosen version, rows of batches included.",
        "short",
        (
            Query(
                'sum by (version) (rate(readmit_predictions_total{version=~"$version"}[$__rate_interval]))',
                "version {{version}}",
            ),
        ),
        style=Style(stacked=True),
        boards=boards,
    )
