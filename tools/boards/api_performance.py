"""The board 'API performance': traffic, latency, errors and replicas of the inference API."""

from tools.boards.api_queries import (
    FAILING,
    QUANTILE_COLORS,
    RATE,
    REPLICAS,
    REQUESTS,
    ROUTES,
    SECONDS,
    SLOW,
    STATUS_COLORS,
    quantile,
    quantiles,
    share_of_predictions,
)
from tools.boards.links import API, MODEL, TITLES
from tools.boards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Board,
    PanelRow,
    Query,
    Style,
    Variable,
    graph,
    heatmap,
    tile,
)
from tools.boards.replica_rows import ERRORS, PROCESSES
from tools.boards.shared_panels import PROMOTIONS

NOW = PanelRow(
    "Now",
    (
        tile(
            "Requests per second",
            "Requests to the chosen routes, of all chosen replicas.",
            "reqps",
            (Query(f"sum(rate({REQUESTS}{{{ROUTES}}}{RATE}))"),),
            style=Style(sparkline=True),
            alerts=("ServiceDown",),
        ),
        tile(
            "Requests in 5 minutes",
            "Requests to the chosen routes in the last five minutes.",
            "short",
            (Query(f"sum(increase({REQUESTS}{{{ROUTES}}}[5m]))"),),
            style=Style(decimals=0),
            alerts=("ServiceDown",),
        ),
        tile(
            "Requests in total",
            "Requests to the chosen routes since each replica started.",
            "short",
            (Query(f"sum({REQUESTS}{{{ROUTES}}})"),),
            alerts=("ServiceDown",),
        ),
        tile(
            "Mean latency, last minute",
            "Mean time from routing to response over the last minute.",
            "s",
            (Query(f"sum(rate({SECONDS}_sum{{{ROUTES}}}[1m])) / sum(rate({SECONDS}_count{{{ROUTES}}}[1m]))"),),
            thresholds=SLOW,
            alerts=("PredictionsSlow",),
        ),
        tile(
            "99th percentile",
            "99 % of the requests to the chosen routes took no longer.",
            "s",
            (Query(quantile(0.99, SECONDS, ROUTES)),),
            thresholds=SLOW,
            alerts=("PredictionsSlow",),
        ),
        tile(
            "Failing predictions",
            "Share of the prediction requests that end with a server error (5xx), no model (503) included.",
            "percentunit",
            (Query(share_of_predictions("5..")),),
            thresholds=((None, GREEN), (FAILING / 5, ORANGE), (FAILING, RED)),
            alerts=("PredictionsFailing",),
        ),
        tile(
            "Requests in flight",
            "Requests that the replicas are processing.",
            "none",
            (Query(f"sum(readmit_http_requests_in_flight{{{REPLICAS}}})"),),
            style=Style(sparkline=True, decimals=0),
            alerts=("PredictionsSlow",),
        ),
        tile(
            "Replicas up",
            "Replicas of the API that Prometheus can scrape.",
            "none",
            (Query(f"count(up{{{REPLICAS}}} == 1) or vector(0)"),),
            thresholds=((None, RED), (1, GREEN)),
            alerts=("ServiceDown",),
        ),
    ),
)

TRAFFIC = PanelRow(
    "Traffic",
    (
        graph(
            "Requests by route",
            "Requests per second. All unknown routes are counted as one.",
            "reqps",
            (Query(f"sum by (route) (rate({REQUESTS}{{{ROUTES}}}{RATE}))", "{{route}}"),),
            style=Style(stacked=True),
            alerts=("ServiceDown",),
        ),
        graph(
            "Requests by status",
            "Requests per second by HTTP status.",
            "reqps",
            (Query(f"sum by (status) (rate({REQUESTS}{{{ROUTES}}}{RATE}))", "{{status}}"),),
            style=Style(stacked=True, colors=STATUS_COLORS),
            alerts=("PredictionsFailing", "RequestsRefused"),
        ),
        graph(
            "Predictions",
            "Encounters per second, rows of batches included: flagged as at high risk, not flagged, and without a "
            "prediction because the stay ended in death or hospice.",
            "short",
            (
                *(
                    Query(
                        f'sum(rate(readmit_predictions_total{{{REPLICAS}, version=~"$version", '
                        f'outcome="{outcome}"}}{RATE}))',
                        name,
                    )
                    for outcome, name in ((1, "flagged"), (0, "not flagged"))
                ),
                Query(f"sum(rate(readmit_predictions_not_applicable_total{{{REPLICAS}}}{RATE}))", "not applicable"),
            ),
            style=Style(stacked=True, colors={"flagged": ORANGE, "not flagged": BLUE, "not applicable": GREY}),
            width=8,
            boards=(MODEL,),
        ),
        graph(
            "Rows of batches",
            "Rows of answered batches per second, by replica.",
            "short",
            (Query(f"sum by (instance) (rate(readmit_batch_rows_total{{{REPLICAS}}}{RATE}))", "{{instance}}"),),
            width=8,
            alerts=("PredictionsSlow",),
        ),
        graph(
            "In flight by replica",
            "Requests that each replica is processing.",
            "none",
            (Query(f"readmit_http_requests_in_flight{{{REPLICAS}}}", "{{instance}}"),),
            style=Style(low=0, decimals=0),
            width=8,
            alerts=("PredictionsSlow",),
        ),
    ),
)

LATENCY = PanelRow(
    "Latency",
    (
        graph(
            "Quantiles",
            "Time from routing to response on the chosen routes: 50, 80, 90 and 99 % of the requests took no longer.",
            "s",
            quantiles(SECONDS, ROUTES),
            thresholds=SLOW,
            style=Style(colors=QUANTILE_COLORS, low=0),
            alerts=("PredictionsSlow",),
        ),
        graph(
            "99th percentile by route",
            "99 % of the requests to a route took no longer.",
            "s",
            (Query(quantile(0.99, SECONDS, ROUTES, by="route"), "{{route}}"),),
            style=Style(low=0),
            alerts=("PredictionsSlow",),
        ),
        graph(
            "Computing a prediction",
            "Time to compute a prediction, or those of a batch, without reading the request: quantiles.",
            "s",
            quantiles("readmit_prediction_duration_seconds", ROUTES),
            style=Style(colors=QUANTILE_COLORS, low=0),
            alerts=("PredictionsSlow",),
        ),
        heatmap(
            "Distribution of latency",
            "Requests per second on the chosen routes by time from routing to response.",
            "s",
            (Query(f"sum by (le) (rate({SECONDS}_bucket{{{ROUTES}}}{RATE}))", "{{le}}"),),
            alerts=("PredictionsSlow",),
        ),
    ),
)

BOARD = Board(
    API,
    TITLES[API],
    "Traffic, latency, errors and replicas of the inference API.",
    period="1h",
    variables=(
        Variable("job", REQUESTS),
        Variable("instance", f'{REQUESTS}{{job=~"$job"}}'),
        Variable("route", f'{REQUESTS}{{job=~"$job"}}'),
        Variable("version", f"readmit_predictions_total{{{REPLICAS}}}"),
    ),
    rows=(NOW, TRAFFIC, LATENCY, ERRORS, PROCESSES),
    marks=PROMOTIONS,
)
