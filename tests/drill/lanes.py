"""The order of the faults: those that do not disturb each other are drilled in parallel, in lanes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.drill.alerts import AlertMonitor
from tests.drill.fault import Fault, Measurement, cause, end


@dataclass(frozen=True, slots=True)
class Lane:
    """Faults that are drilled one after the other. `lasting`: one that lasts from the lane's start to its end."""

    faults: Sequence[Fault]
    lasting: Fault | None = None

    def all_faults(self) -> list[Fault]:
        """Return the faults in the order of the table."""
        return [*self.faults, *([] if self.lasting is None else [self.lasting])]

    def run(self, monitor: AlertMonitor) -> list[Measurement]:
        """Drill the faults. Raises DrillError at the first alert that fails."""
        with ThreadPoolExecutor(1) as background:
            pending = None if self.lasting is None else background.submit(cause, self.lasting, monitor)
            measured = [_logged(end(fault, monitor, cause(fault, monitor))) for fault in self.faults]
            if self.lasting is not None and pending is not None:
                measured.append(_logged(end(self.lasting, monitor, pending.result())))
        return measured


def _logged(measurement: Measurement) -> Measurement:
    """Print a measurement at once: those before a failure are not lost, and somebody may be watching."""
    print(measurement, flush=True)
    return measurement


def run_lanes(lanes: Sequence[Lane], monitor: AlertMonitor) -> list[Measurement]:
    """Drill all lanes in parallel and return the measurements in their order.

    Raises an ExceptionGroup with the first error of each lane that failed; the others are drilled to their end.
    """
    with ThreadPoolExecutor(len(lanes)) as threads:
        pending = [threads.submit(lane.run, monitor) for lane in lanes]
    errors = [error for item in pending if (error := item.exception()) is not None]
    if errors:
        raise BaseExceptionGroup("the drill failed", errors)
    return [measurement for item in pending for measurement in item.result()]
