"""The source is up, and says how many batches it has released. Consumes nothing."""

from readmit.io import instance, source
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(settings: Settings) -> Facts:
    """`released`: batches 1 to this can be fetched."""
    if settings.ec2_instance_id:
        instance.require_running(settings.ec2_instance_id)
    state = source.state(settings.source_url)
    return {"source": state.kind, "released": state.released, "batches": state.batches, "exhausted": state.exhausted}
