"""Check that the source is up, and read how many batches it has released. Consumes nothing."""

from readmit.io import ec2_instance, source_client
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(settings: Settings) -> Facts:
    """Return the state of the source. Batches 1 to `released` can be fetched."""
    if settings.ec2_instance_id:
        ec2_instance.require_running(settings.ec2_instance_id)
    state = source_client.fetch_state(settings.source_url)
    return {"source": state.kind, "released": state.released, "batches": state.batches, "exhausted": state.exhausted}
