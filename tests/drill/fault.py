"""A fault: how it is caused, which alert it must raise, and how it is ended; and the measurement of one."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from tests.drill.alerts import AlertMonitor, ExpectedAlert


class Fault(ABC):
    """A fault of the drill. `title`: what happens, for the table; `expect`: the alert that it raises."""

    title: ClassVar[str]
    expect: ClassVar[ExpectedAlert]

    @abstractmethod
    def inject(self) -> None:
        """Cause the fault. The time to fire is counted from the end of this call."""

    @abstractmethod
    def recover(self) -> None:
        """End the fault, as the runbook says. The time to clear is counted from the end of this call."""

    def finish(self) -> None:  # noqa: B027 - most faults leave nothing behind
        """Clean up once the alert has ended."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A fault that was drilled: seconds from the fault to the alert, and from the recovery to its end."""

    title: str
    alert: str
    to_fire: float
    to_clear: float

    def __str__(self) -> str:
        """Return the measurement as a line of the log."""
        return f"{self.title}: {self.alert} fired after {self.to_fire:.0f} s and cleared after {self.to_clear:.0f} s"


def cause(fault: Fault, monitor: AlertMonitor) -> float:
    """Inject a fault and return the seconds until its alert has arrived. The alert must not be active before."""
    monitor.wait_until_clear(fault.expect)
    fault.inject()
    started = time.monotonic()
    monitor.wait_until_arrived(fault.expect)
    return time.monotonic() - started


def end(fault: Fault, monitor: AlertMonitor, to_fire: float) -> Measurement:
    """Recover from a fault, wait until its alert has ended, and return the measurement."""
    fault.recover()
    started = time.monotonic()
    monitor.wait_until_clear(fault.expect)
    to_clear = time.monotonic() - started
    fault.finish()
    return Measurement(fault.title, str(fault.expect), to_fire, to_clear)
