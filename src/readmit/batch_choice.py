"""The batch that a run works on: chosen from those that the source has released, before its lease is taken."""

from dataclasses import dataclass

from readmit.core.errors import BatchSetAside, PrerequisiteMissing
from readmit.io.database import ledger, promotions, set_aside_batches
from readmit.pipeline import Facts, RunRequest
from readmit.settings import Settings
from readmit.steps import check_source


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """The batch chosen for a run, and the facts of the source. `batch` None: nothing to do; `summary` says why.

    `remaining`: how many other batches are released, and neither done nor set aside.
    """

    source: Facts
    batch: int | None
    summary: str
    training_alone: bool = False
    remaining: int = 0


def choose_batch(request: RunRequest, settings: Settings, waited_for: set[int]) -> BatchChoice:
    """Choose the requested batch, unless another run did it meanwhile; else the lowest that is released and not done.

    `waited_for`: the batches that another run held before. A run that only trains takes the last uploaded batch and
    does not query the source.
    """
    if not request.ingest:
        batch = _uploaded_batch(request.batch)
        return BatchChoice({}, batch, f"batch {batch}, training only", training_alone=True)
    source = check_source.run(settings)
    if "not_today" in source:
        return BatchChoice(source, None, f"not today: {source['not_today']}")
    released, requested, done = int(str(source["released"])), request.batch, ledger.done_batches()
    pending = set(range(1, released + 1)) - done - set_aside_batches.numbers()
    if requested is not None:
        _require_not_set_aside(requested)
        if not 1 <= requested <= released:
            raise PrerequisiteMissing(f"there is no batch {requested}: the source has released batches 1 to {released}")
        if requested in waited_for and requested in done:
            return BatchChoice(source, None, f"batch {requested} was completed by another run in the meantime")
        return BatchChoice(source, requested, f"batch {requested}", remaining=len(pending - {requested}))
    if pending:
        return BatchChoice(source, min(pending), f"batch {min(pending)}", remaining=len(pending) - 1)
    retrained = _trained_for_another_target(settings.target) if request.train else None
    if retrained is None:
        return BatchChoice(source, None, "no new batch")
    return BatchChoice(source, retrained, f"batch {retrained}, retrained for {settings.target}", training_alone=True)


def _require_not_set_aside(batch: int) -> None:
    if (entry := set_aside_batches.get(batch)) is not None:
        raise BatchSetAside(
            f"batch {batch} is set aside ({entry.operator}: {entry.reason}): first run "
            f"`just ops::set-aside {batch} --undo`"
        )


def _uploaded_batch(requested: int | None) -> int:
    """Return the batch to train on: the requested one, or the last that is uploaded."""
    uploaded = ledger.uploaded_batches()
    if requested is not None and requested not in uploaded:
        raise PrerequisiteMissing(f"batch {requested} is not uploaded yet: training needs its snapshot")
    if not uploaded:
        raise PrerequisiteMissing("no batch is uploaded yet: run a day before training alone")
    return max(uploaded) if requested is None else requested


def _trained_for_another_target(target: str) -> int | None:
    """Return the last batch that was trained on, if its model predicts another target than this one."""
    set_aside = set_aside_batches.numbers()
    trained = [row for row in ledger.list_batches() if row.version is not None and row.batch not in set_aside]
    if not trained:
        return None
    last = trained[-1]
    return None if promotions.get_target(str(last.version)) in (None, target) else int(last.batch)


def is_taken_meanwhile(batch: int, request: RunRequest, waited_for: set[int]) -> bool:
    """Return whether a chosen batch was set aside, or finished by another run, before its lease was acquired."""
    if batch in set_aside_batches.numbers():
        return True
    return (request.batch is None or batch in waited_for) and batch in ledger.done_batches()
