"""Queries for the metrics of candidates, models and champions."""

from tools.boards.panels import Query

NO_CHAMPION = "the model was compared with no champion: it is the first one"


def of_model(metric: str, bound: str = "value") -> str:
    """Return the query for a metric of the day's model on the test patients."""
    return f'max(readmit_model_metric{{metric="{metric}", bound="{bound}"}})'


def of_champion(metric: str, bound: str = "value") -> str:
    """Return the query for a metric of the champion on the same patients."""
    return of_model(metric, bound).replace("readmit_model_metric", "readmit_champion_metric")


def both(metric: str) -> tuple[Query, Query]:
    """Return the queries for a metric of the day's model and of the champion."""
    return Query(of_model(metric), "model"), Query(of_champion(metric), "champion", empty_when=NO_CHAMPION)


def candidate(metric: str) -> Query:
    """Return the query for a metric of each chosen candidate on the validation patients."""
    return Query(
        f'max by (candidate) (readmit_candidate_metric{{metric="{metric}", candidate=~"$candidate"}})',
        "{{candidate}}",
    )
