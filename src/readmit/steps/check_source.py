"""Check that the source is up, and read how many batches it has released. Consumes nothing."""

from readmit import source_access
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(settings: Settings) -> Facts:
    """Return the state of the source. Batches 1 to `released` can be fetched.

    A stopped EC2 instance is started within its hours. Outside them the fact `not_today` is the reason why this is no
    day, and nothing is known about batches.
    """
    source = source_access.make_available(settings)
    facts: Facts = {}
    if source.instance is not None:
        facts |= {"instance": source.instance.instance_id, "instance_started": source.started}
        facts["instance_running"] = source.state is not None
    if source.state is None:
        assert source.instance is not None, "a source without an instance has a state"
        instance = source.instance
        reason = f"EC2 instance {instance.instance_id} is {instance.state}, outside its hours {settings.ec2_hours}"
        return facts | {"not_today": reason}
    state = source.state
    facts |= {"source": state.kind, "released": state.released}
    return facts | {"batches": state.batches, "exhausted": state.exhausted}
