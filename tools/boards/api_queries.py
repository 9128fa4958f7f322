"""Queries for traffic, latency and errors of the inference API."""

from tools.boards.panels import BLUE, GREEN, ORANGE, RED, Query, Thresholds
from tools.boards.rules import alert_threshold

REQUESTS, SECONDS = "readmit_http_requests_total", "readmit_http_request_duration_seconds"
REPLICAS = 'job=~"$job", instance=~"$instance"'
ROUTES = f'{REPLICAS}, route=~"$route"'
PREDICTIONS = f'{REPLICAS}, route=~"/predict|/predict_batch"'
RATE = "[$__rate_interval]"
QUANTILES = {0.5: BLUE, 0.8: GREEN, 0.9: ORANGE, 0.99: RED}
STATUS_COLORS = {"/^2/": GREEN, "/^3/": BLUE, "/^4/": ORANGE, "/^5/": RED}
FAILING, REFUSED = alert_threshold("PredictionsFailing"), alert_threshold("RequestsRefused")
SLOW: Thresholds = ((None, GREEN), (alert_threshold("PredictionsSlow"), RED))


def quantile(share: float, histogram: str, selector: str, by: str = "") -> str:
    """Return the query for a quantile of a histogram, over all replicas. `by`: a label to keep."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{selector}}}{RATE})))"


def quantiles(histogram: str, selector: str) -> tuple[Query, ...]:
    """Return the queries for each of QUANTILES."""
    return tuple(Query(quantile(share, histogram, selector), f"p{share * 100:.0f}") for share in QUANTILES)


def share_of_predictions(status: str) -> str:
    """Return the query for the share of prediction requests with a status, by regular expression; 0 without any."""
    selected = f'sum(rate({REQUESTS}{{{PREDICTIONS}, status=~"{status}"}}{RATE}))'
    return f"({selected} or vector(0)) / (sum(rate({REQUESTS}{{{PREDICTIONS}}}{RATE})) > 0) or vector(0)"


QUANTILE_COLORS = {f"p{share * 100:.0f}": color for share, color in QUANTILES.items()}
