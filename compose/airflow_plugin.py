"""Airflow plugin: Host and Origin checks and security headers for its page and its API."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from readmit.cross_site_guard import LOCAL_ADVICE, LOCAL_HOSTS, CrossSiteGuard

GUARDED = {"hosts": ("airflow", *LOCAL_HOSTS), "probes": ("/api/v2/monitor/health",), "advice": LOCAL_ADVICE}


class CrossSitePlugin(AirflowPlugin):
    """Plugin that adds the guard to Airflow's API server."""

    name = "readmit_cross_site"
    fastapi_root_middlewares: ClassVar = [
        {"name": "cross-site guard", "middleware": CrossSiteGuard, "kwargs": GUARDED},
    ]
