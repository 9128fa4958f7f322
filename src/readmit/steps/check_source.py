"""The source is up, and says how many batches it has released. Consumes nothing."""

from readmit.io import ec2_instance, source_client
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(settings: Settings) -> Facts:
    """`released`: batches 1 to this can be fetched."""
    if settings.ec2_instance_id:
        ec2_instance.require_running(settings.ec2_instance_id)
    state = source_client.state(settings.source_url)
    return {"source": state.kind, "released": state.released, "batches": state.batches, "exhausted": state.exhausted}
