"""The board 'MLOps overview': what is wrong, where, and what happened in the last day."""

from tools.boards.day_rows import DAY
from tools.boards.links import API, MODEL, OVERVIEW, TITLES
from tools.boards.panels import (
    BLUE,
    GRAPH_HEIGHT,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    Board,
    Column,
    PanelRow,
    Query,
    Style,
    Variable,
    graph,
    table,
    tile,
    timeline,
)
from tools.boards.rules import alert_threshold
from tools.boards.shared_panels import (
    PROMOTIONS,
    in_production_since,
    outcome_of_the_day,
    predictions_by_version,
    served_version,
)

NONE_IS_GOOD = ((None, GREEN), (1, RED))
STATES = {"0": ("down", RED), "1": ("up", GREEN)}
STATE = '(probe_success{job=~"$job"} or on (job, instance) up{job=~"$job"})'
"""1 or 0 per job and instance: what a probe found, else whether the last scrape succeeded."""
WAS_UP = (
    '((max_over_time(probe_success{{job=~"$job"}}{period}) or on (job, instance) '
    'max_over_time(up{{job=~"$job"}}{period})) == 1)'
)
"""The jobs and instances that were up within a period: a service that was left out on purpose was not."""
DOWN = f"{STATE} == 0 and on (job, instance) {WAS_UP.format(period='[1d]')}"
NO_REPLICA = 'group by (job) (max_over_time(up{job="api", job=~"$job"}[1d])) unless on (job) up{job="api"}'
"""The API, once it has no target left: when no replica runs, its name has no address."""
RELEASED = "(max(readmit_source_batches_released) or max(readmit_batches_released))"
EXPECTED = "(max(readmit_source_batches) or max(readmit_batches_expected))"
"""As of now; with a data API that Prometheus does not scrape, as of the last time a day checked it."""
BACKLOG = f"{RELEASED} - (max(readmit_batches_done) or vector(0)) - (max(readmit_batches_set_aside) or vector(0))"
NO_ALERT, NO_AIRFLOW = "no alert is firing", "Airflow, which starts on demand, is not running"
STATE_COLORS = {"running": GREEN, "started": GREEN, "stopped": BLUE, "unavailable": RED}

NOW = PanelRow(
    "Now",
    (
        tile(
            "Firing alerts",
            "Alerts that are firing, by severity. Critical: predictions or days are affected now.",
            "none",
            tuple(
                Query(f'count(ALERTS{{alertstate="firing", severity="{severity}"}}) or vector(0)', severity)
                for severity in ("critical", "warning")
            ),
            thresholds=NONE_IS_GOOD,
        ),
        tile(
            "Services down",
            "Services that were up within the last day and are not now. One that was never started does not count.",
            "none",
            (Query(f"(count({DOWN}) or vector(0)) + (count({NO_REPLICA}) or vector(0))"),),
            thresholds=NONE_IS_GOOD,
            alerts=("ServiceDown",),
        ),
        served_version(MODEL),
        in_production_since(MODEL),
        tile(
            "Versions served",
            "Different versions that the replicas of the API serve: more than one only during a promotion, 0 before "
            "the first.",
            "none",
            (Query("count(count by (version) (readmit_model_info)) or vector(0)"),),
            thresholds=((None, RED), (1, GREEN), (2, ORANGE)),
            alerts=("VersionsDisagree", "NoModelServed"),
        ),
        outcome_of_the_day(MODEL),
        tile(
            "Last batch done",
            "When a batch was last completed. Later days may have found no new one.",
            "dateTimeFromNow",
            (Query("max(readmit_batch_done_timestamp_seconds) * 1000"),),
            alerts=("BatchLate", "DayFailed"),
        ),
        tile(
            "Backlog",
            "Released batches that no day has processed yet, without those that are set aside.",
            "none",
            (Query(BACKLOG),),
            thresholds=((None, GREEN), (1, ORANGE), (alert_threshold("Backlog") + 1, RED)),
            alerts=("Backlog",),
        ),
    ),
)

ALERTS = PanelRow(
    "Alerts",
    (
        table(
            "Firing alerts, with runbooks",
            "Each firing alert; its name links to the section of the runbooks with what to look at and what to do.",
            "none",
            (
                Query(
                    'max by (alertname, severity, job, instance, step) (ALERTS{alertstate="firing"})',
                    empty_when=NO_ALERT,
                ),
            ),
            columns=(
                Column("alertname", "Alert"),
                Column("severity", "Severity"),
                Column("job", "Job"),
                Column("instance", "Instance"),
                Column("step", "Step"),
            ),
        ),
        timeline(
            "Alerts over time",
            "When each alert was firing.",
            "none",
            (Query('max by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}", empty_when=NO_ALERT),),
            style=Style(mappings={"1": ("firing", RED)}),
        ),
    ),
)

SOURCE = PanelRow(
    "Batches and source",
    (
        graph(
            "Batches",
            "Batches of the source, those released so far, those that a day completed, and those that are set aside.",
            "none",
            (
                Query(EXPECTED, "in the source"),
                Query(RELEASED, "released"),
                Query("max(readmit_batches_done)", "done"),
                Query("max(readmit_batches_set_aside)", "set aside"),
            ),
            style=Style(
                stepped=True,
                low=0,
                decimals=0,
                colors={"in the source": "text", "released": BLUE, "done": GREEN, "set aside": ORANGE},
                calcs=("lastNotNull",),
            ),
            width=8,
            alerts=("BatchLate", "Backlog"),
        ),
        tile(
            "Source",
            "Exhausted: the source has released its last batch, and no further one will follow.",
            "none",
            (Query(f"{RELEASED} >= bool {EXPECTED}"),),
            style=Style(mappings={"0": ("releasing", GREEN), "1": ("exhausted", BLUE)}),
            height=GRAPH_HEIGHT,
            alerts=("BatchLate",),
        ),
        tile(
            "State of the source",
            "As the last day found it: running; started, if the day started its EC2 instance; stopped outside its "
            "hours, so that there was no day; or unavailable.",
            "none",
            (
                Query(
                    "max by (state) (readmit_source_state) == 1",
                    "{{state}}",
                    empty_when="no day has checked the source yet",
                ),
            ),
            style=Style(colors=STATE_COLORS, text="name"),
            height=GRAPH_HEIGHT,
            alerts=("DayFailed",),
        ),
        graph(
            "Requests to the source",
            "Requests to the data API per second, by route and status.",
            "reqps",
            (
                Query(
                    "sum by (route, status) (rate(readmit_source_requests_total[$__rate_interval]))",
                    "{{route}} {{status}}",
                ),
            ),
            width=10,
            alerts=("ServiceDown",),
        ),
    ),
)

SERVICES = PanelRow(
    "Services and machine",
    (
        timeline(
            "Services",
            "Whether each service was up that has been up in the time range: by its metrics, or by a probe of its "
            "health route.",
            "none",
            (
                Query(
                    f"min by (job) ({STATE} and on (job, instance) {WAS_UP.format(period='[$__range] @ end()')})",
                    "{{job}}",
                ),
            ),
            style=Style(mappings=STATES),
            alerts=("ServiceDown", "DatabaseDown"),
        ),
        predictions_by_version(API, MODEL),
        graph(
            "CPU of the machine",
            "Share of all cores in use.",
            "percentunit",
            (Query('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))', "CPU"),),
            style=Style(low=0, high=1, colors={"CPU": BLUE}),
            width=8,
            alerts=("PredictionsSlow",),
        ),
        graph(
            "Memory of the machine",
            "Share of the machine's memory that is not available to programs.",
            "percentunit",
            (Query("1 - min(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)", "memory"),),
            thresholds=((None, GREEN), (1 - alert_threshold("MemoryLow"), RED)),
            style=Style(low=0, high=1, colors={"memory": PURPLE}),
            width=8,
            alerts=("MemoryLow",),
        ),
        graph(
            "Disk of the machine",
            "Share of the disk that is in use, with every volume of the stack.",
            "percentunit",
            (
                Query(
                    '1 - min(node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"})',
                    "disk",
                ),
            ),
            style=Style(low=0, high=1, colors={"disk": ORANGE}),
            width=8,
            alerts=("DiskFillsSoon",),
        ),
        graph(
            "Tasks of Airflow",
            "Tasks that succeeded and that failed since Airflow was started. Airflow runs on demand.",
            "none",
            (
                Query("sum(airflow_ti_successes_total)", "succeeded", empty_when=NO_AIRFLOW),
                Query("sum(airflow_ti_failures_total)", "failed", empty_when="no task of Airflow has failed"),
            ),
            style=Style(
                stepped=True, low=0, decimals=0, colors={"succeeded": GREEN, "failed": RED}, calcs=("lastNotNull",)
            ),
            width=24,
            alerts=("DayFailed",),
        ),
    ),
)

BOARD = Board(
    OVERVIEW,
    TITLES[OVERVIEW],
    "Firing alerts with their runbooks, the last day, the source, the model in production and the services.",
    period="24h",
    variables=(Variable("job", "up"), Variable("version", "readmit_model_info")),
    rows=(NOW, ALERTS, DAY, SOURCE, SERVICES),
    marks=PROMOTIONS,
)
