"""Let the APIs reload and confirm that they serve the production version, and write the day's report."""

from readmit.core.errors import PrerequisiteMissing
from readmit.day_report import day_report
from readmit.io import api_reload
from readmit.io.database import ledger, promotions
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Reload the APIs and write the report. `replicas`: how many confirmed.

    Raises ReloadUnconfirmed when one does not. Each API also polls the alias, so the next attempt may succeed.
    """
    version = ledger.require_output(ledger.get_batch(batch), "version")
    if not promotions.is_applied(version):
        raise PrerequisiteMissing(f"batch {batch}: version {version} is not judged yet: run promote first")
    production = Registry(settings.mlflow_tracking_uri).production()
    replicas = 0
    if production is not None:
        replicas = api_reload.reload_all(settings.api_urls, settings.secret("reload_token"), production.number)
    name = f"days/{batch:04d}.json"
    Bucket("datasets", *settings.s3_login).put(name, day_report(batch).encode())
    return {"version": None if production is None else production.number, "replicas": replicas, "report": name}
