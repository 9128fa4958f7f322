"""Prefect's order of events without two gaps by which an event, and all that follow it, are held back for 15 minutes.

The server checks whether the event that another one follows is done, or in progress, and then lets it wait. If the
first is done between these steps, nothing wakes the second up; and if it was done by a server that was killed since,
the new one does not know. An automation then learns that a run failed after PRECEDING_EVENT_LOOKBACK. The events of a
run arrive within seconds. PREFECT_SERVER_EVENTS_CAUSAL_ORDERING names this module.
"""

from datetime import timedelta

from prefect.server.events.ordering import EventArrivedEarly, memory
from prefect.server.events.schemas.events import ReceivedEvent

memory.PRECEDING_EVENT_LOOKBACK = timedelta(minutes=1)  # type: ignore[attr-defined]  # it is imported there
"""How long an event waits for the one that it follows."""


class CausalOrdering(memory.CausalOrdering):
    """The order of events in memory, which checks once more when an event already waits."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Return when the event that this one follows is done. Raises EventArrivedEarly while it is not."""
        try:
            await super().wait_for_leader(event)
        except EventArrivedEarly:
            if event.follows is None or not await self.event_has_been_seen(event.follows):
                raise
            await self.forget_follower(event)
