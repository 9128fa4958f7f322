"""The batches that operators have set aside, with who did so, when and why. No day runs on them."""

from readmit.io.database.connection import RAW, now, using
from readmit.io.database.tables import SetAside


def list_current() -> list[SetAside]:
    """Return the batches that are set aside now, by number."""
    with using(RAW):
        return list(SetAside.select().where(SetAside.undone_at.is_null()).order_by(SetAside.batch))


def numbers() -> set[int]:
    """Return the numbers of the batches that are set aside now."""
    return {int(entry.batch) for entry in list_current()}


def get(batch: int) -> SetAside | None:
    """Return who has set a batch aside, when and why; None when it is not set aside now."""
    return next((entry for entry in list_current() if entry.batch == batch), None)


def add(batch: int, operator: str, reason: str) -> None:
    """Record that a batch is set aside."""
    with using(RAW):
        SetAside.create(batch=batch, operator=operator, reason=reason, created_at=now())


def undo(batch: int, operator: str) -> bool:
    """Record that a batch is no longer set aside; return False when it was not."""
    with using(RAW):
        current = (SetAside.batch == batch) & SetAside.undone_at.is_null()
        return bool(SetAside.update(undone_by=operator, undone_at=now()).where(current).execute())
