"""What goes between the API and the process that works on its batches."""

from msgspec import Struct

from readmit.core.version import Version


class Task(Struct, frozen=True):
    """A batch. `kind` and `wanted`: content types of body and answer; `artifact` and `body`: bytes that follow.

    No artifact follows where the model is the one of the task before.
    """

    kind: str
    wanted: str
    request_id: str
    most_records: int
    version: Version
    artifact: int
    body: int


class Reply(Struct, frozen=True):
    """`status` 200 with the answer's bytes, or the refusal of the whole batch. `outcomes`: predictions 0 and 1.

    `refused` and `not_applicable`: rows without a prediction, each counted once.
    """

    status: int
    message: str
    outcomes: tuple[int, int]
    refused: int
    not_applicable: int
    seconds: float
