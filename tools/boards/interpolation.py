"""Variables in queries, filled in as Grafana does."""

import re
from collections.abc import Mapping, Sequence

VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
SPECIAL = re.compile(r"[\\^$*+?.()|{}\[\]]")
SCRAPE_SECONDS = 15
"""The data source's `timeInterval`: no graph has a finer resolution."""


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Replace each $name and ${name}. Raises KeyError for a variable without a value."""
    return VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def built_in_values(range_seconds: int, step_seconds: int) -> dict[str, str]:
    """Return Grafana's own variables for a time range and the time between two points of a graph.

    $__rate_interval is at least four scrapes, and a scrape more than the step: a rate needs two samples.
    """
    rate_interval = max(step_seconds + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)
    return {
        "__range": f"{range_seconds}s",
        "__interval": f"{step_seconds}s",
        "__rate_interval": f"{rate_interval}s",
    }


def select(values: Sequence[str]) -> str:
    """Return the regular expression for the selected values of a variable, inside a text of PromQL."""
    escaped = [SPECIAL.sub(r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
