"""The HTTP API of a Prometheus server, as far as boards need it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 30.0
LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Series:
    """A time series. `points`: (seconds since 1970, value) in order."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def has_data(self) -> bool:
        """Whether a value is a number; a quantile without requests is none."""
        return any(not math.isnan(value) for _, value in self.points)

    @property
    def last(self) -> float:
        """The last value that is a number, or NaN."""
        return next((value for _, value in reversed(self.points) if not math.isnan(value)), math.nan)

    def name(self, legend: str) -> str:
        """Return the name of this series by a legend such as '{{step}}'; without one, its labels."""
        if legend:
            return LEGEND_LABEL.sub(lambda match: self.labels.get(match[1], ""), legend)
        return ", ".join(f"{name}={value}" for name, value in self.labels.items() if name != "__name__")


@dataclass(frozen=True, slots=True)
class Period:
    """A time range, in seconds since 1970, and the seconds between two points of a graph."""

    start: float
    end: float
    step: int

    @property
    def seconds(self) -> int:
        """The length of the range."""
        return round(self.end - self.start)


@dataclass(frozen=True, slots=True)
class PrometheusApi:
    """A Prometheus server. Its methods raise httpx.HTTPError when it does not respond, or rejects a query.

    Source: https://prometheus.io/docs/prometheus/latest/querying/api/
    """

    address: str

    def query(self, expr: str, at: float) -> list[Series]:
        """Return the present value of each series."""
        return [
            Series(item["metric"], (_point(item["value"]),))
            for item in self._get("query", query=expr, time=str(at))["result"]
        ]

    def query_range(self, expr: str, period: Period) -> list[Series]:
        """Return the values of each series over a period."""
        result = self._get(
            "query_range", query=expr, start=str(period.start), end=str(period.end), step=str(period.step)
        )["result"]
        return [Series(item["metric"], tuple(_point(point) for point in item["values"])) for item in result]

    def metric_names(self) -> set[str]:
        """Return the name of every metric that the server has stored."""
        return set(self._get("label/__name__/values"))

    def label_values(self, selector: str, label: str, period: Period) -> list[str]:
        """Return the values of a label of the selected series in a period."""
        bounds = {"start": str(period.start), "end": str(period.end)}
        return sorted(self._get(f"label/{label}/values", **{"match[]": selector}, **bounds))

    def _get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - what it returns depends on the path
        response = httpx.get(f"{self.address}/api/v1/{path}", params=query, timeout=TIMEOUT_SECONDS, trust_env=False)
        if response.status_code == httpx.codes.BAD_REQUEST:
            message = f"Prometheus rejects {query}: {response.json()['error']}"
            raise httpx.HTTPStatusError(message, request=response.request, response=response)
        return response.raise_for_status().json()["data"]


def _point(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
