"""Which processes belong to a service: those that carry its mark in their environment, which children inherit.

A mark is random and used once. So it finds what a service started even when the service itself is dead, and no
stranger that has the service's number by now.
"""

import secrets
from collections.abc import Iterable
from contextlib import suppress

import psutil

from readmit.embedded.liveness import all_end

VARIABLE = "READMIT_STARTED_AS"
KILLED_WITHIN_SECONDS = 5.0
ROUNDS = 3
"""So often what is left is killed: a process may start another one while it is looked for."""


def new_mark() -> str:
    return secrets.token_hex(16)


def carriers(mark: str) -> list[psutil.Process]:
    """The living processes that carry a mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(VARIABLE) == mark:
                found.append(process)
    return found


def end(mark: str, grace: float) -> bool:
    """Ends all that carry a mark; False: there was nothing.

    Who has no parent among them is asked first, to end what it started in its own order; if it takes longer than
    `grace` seconds, all are killed. Then the rest is asked and, after as long, killed.
    """
    found = carriers(mark)
    numbers = {process.pid for process in found}
    heads = [process for process in found if _parent(process) not in numbers]
    if _end_by_themselves(heads, grace):
        _end_by_themselves(carriers(mark), grace)
    _kill(mark)
    return bool(found)


def _end_by_themselves(processes: Iterable[psutil.Process], grace: float) -> bool:
    """Asks processes to end; whether all did in time."""
    asked = list(processes)
    for process in asked:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    return all_end(asked, grace)


def _kill(mark: str) -> None:
    for _ in range(ROUNDS):
        if not (left := carriers(mark)):
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        all_end(left, KILLED_WITHIN_SECONDS)


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None
