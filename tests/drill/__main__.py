"""`just ops::drill`: cause every fault that has an alert on a stack of its own, and write docs/drill.md.

`just ops::drill NAME ...` drills only the faults of these classes and prints the table without writing it.
"""

import sys
import time
from collections.abc import Collection, Sequence

from readmit.containers import preflight
from readmit.settings import SettingError
from readmit.stacks.errors import StackError
from tests.drill.alerts import AlertMonitor
from tests.drill.api_faults import AliasRemoved, ApiStopped, ArtifactDamaged, BadRequests
from tests.drill.day_faults import (
    BatchesHeldBack,
    CleanFailsInAirflow,
    CleanFailsInCommand,
    CleanFailsInPrefect,
    FlowsAndPrefectKilled,
    FlowsStopped,
    QuarantineFilled,
)
from tests.drill.drill_stack import DrillStack, drill_stack
from tests.drill.lanes import Lane, run_lanes
from tests.drill.page import PAGE, replace_table, table


def all_lanes(drill: DrillStack) -> list[Lane]:
    """Return the faults in their lanes. Batches follow each other: those of the days are 2 to 7, in this order."""
    days = [
        *(CleanFailsInPrefect(drill, 2), CleanFailsInAirflow(drill, 3), CleanFailsInCommand(drill, 4)),
        *(QuarantineFilled(drill), FlowsAndPrefectKilled(drill, 7), FlowsStopped(drill)),
    ]
    api = [BadRequests(drill), ApiStopped(drill), AliasRemoved(drill), ArtifactDamaged(drill)]
    return [Lane(days, lasting=BatchesHeldBack(drill)), Lane(api)]


def selected_lanes(lanes: Sequence[Lane], names: Collection[str]) -> list[Lane]:
    """Return the lanes with the named faults only; all without names. Raises StackError when a name is unknown."""
    known = {type(fault).__name__ for lane in lanes for fault in lane.all_faults()}
    if unknown := sorted(set(names) - known):
        raise StackError(f"unknown fault {', '.join(unknown)}; known faults: {', '.join(sorted(known))}")
    if not names:
        return list(lanes)
    return [
        Lane(
            [fault for fault in lane.faults if type(fault).__name__ in names],
            lane.lasting if type(lane.lasting).__name__ in names else None,
        )
        for lane in lanes
    ]


def main(names: Sequence[str]) -> int:
    """Run the drill. Return 0 when every alert fired and cleared, 1 with the reasons otherwise."""
    started = time.monotonic()
    try:
        preflight.require_engine()
        with drill_stack() as drill:
            lanes = selected_lanes(all_lanes(drill), names)
            measured = run_lanes(lanes, AlertMonitor(drill.stack))
    except (StackError, SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    except ExceptionGroup as group:
        print(*(f"{type(error).__name__}: {error}" for error in group.exceptions), sep="\n", file=sys.stderr)
        return 1
    content = table(measured, (time.monotonic() - started) / 60)
    print(content)
    if not names:
        PAGE.write_text(replace_table(PAGE.read_text(), content))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
