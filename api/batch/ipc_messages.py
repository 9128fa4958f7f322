"""The messages between the API and its batch worker."""

from msgspec import Struct

from readmit.core.version import Version


class Task(Struct, frozen=True):
    """A batch to predict. `artifact` and `body`: the number of bytes of each that follow the message.

    No artifact follows when the model is that of the previous task.
    """

    content_type: str
    response_type: str
    request_id: str
    max_records: int
    version: Version
    artifact: int
    body: int


class Reply(Struct, frozen=True):
    """The result of a task: status 200, or the error of the whole batch. `outcomes`: number of predictions 0 and 1.

    `rejected` and `not_applicable`: number of rows without a prediction, by cause.
    """

    status: int
    message: str
    outcomes: tuple[int, int]
    rejected: int
    not_applicable: int
    seconds: float
