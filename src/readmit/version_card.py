"""The facts of a new version's card from the stores, and the gate that requires them."""

from readmit.core.card.card_completeness import add_card_gate, incomplete_card
from readmit.core.card.card_facts import CardFacts, Performance
from readmit.core.card.training_census import TrainingCensus
from readmit.core.card.training_facts import FlowFacts, TrainingFacts
from readmit.core.snapshot import Snapshot
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.card_files import load_catalogue
from readmit.io.database import ledger
from readmit.io.object_store import Bucket
from readmit.settings import Settings


def read_training_facts(batch: int, target: str, settings: Settings) -> TrainingFacts:
    """Return the facts about the data of the version that was made of a batch's snapshot."""
    bucket = Bucket("datasets", *settings.s3_login)
    snapshot = Snapshot.from_json(
        bucket.get_verified(ledger.require_output(ledger.get_batch(batch), "snapshot_object"))
    )
    census = TrainingCensus(target)
    frames = bucket.each_parquet(part.object_name for part in snapshot.parts)
    for part, frame in zip(snapshot.parts, frames, strict=True):
        census.add(part.split, frame)
    return census.facts(snapshot, _flow(snapshot))


def check_card(verdict: Verdict, challenger: Version, training: TrainingFacts) -> Verdict:
    """Return the verdict on a challenger with the gate of its card, which refuses it if a required item is empty."""
    facts = CardFacts(challenger, training, Performance.of(challenger, verdict))
    return add_card_gate(verdict, incomplete_card(facts, load_catalogue()))


def _flow(snapshot: Snapshot) -> FlowFacts | None:
    """Return the counts of the snapshot's batches; None when one was fetched again and not cleaned since."""
    used = {part.batch for part in snapshot.parts}
    rows = [row for row in ledger.list_batches() if row.batch in used]
    if len(rows) != len(used) or not all(map(ledger.is_cleaned, rows)):
        return None
    return FlowFacts(*(sum(getattr(row, name) for row in rows) for name in ("rows", "quarantined", "excluded")))
