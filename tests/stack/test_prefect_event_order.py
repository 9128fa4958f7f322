"""An event of Prefect's is never left waiting for one that is already done."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.server.events.ordering import EventArrivedEarly, memory
from prefect.server.events.schemas.events import ReceivedEvent, Resource

from compose.prefect_event_order import CausalOrdering


def event(follows: UUID | None = None) -> ReceivedEvent:
    resource = Resource({"prefect.resource.id": "prefect.flow-run.a"})
    return ReceivedEvent(
        occurred=datetime.now(UTC), event="prefect.flow-run.Failed", resource=resource, id=uuid4(), follows=follows
    )


async def handle(*_: object, **__: object) -> None:
    raise AssertionError("the first event found no other that waits")


async def is_processed(ordering: type[memory.CausalOrdering]) -> bool:
    """Let the first event end between the two questions that the second one asks about it."""
    first = event()
    second = event(first.id)

    class Interleaved(ordering):  # type: ignore[misc, valid-type]
        async def event_has_started_processing(self, event: object) -> bool:
            async with self.preceding_event_confirmed(handle, first):
                pass
            return bool(await super().event_has_started_processing(event))

    order = Interleaved(str(first.id))
    try:
        async with order.preceding_event_confirmed(handle, second):
            return True
    except EventArrivedEarly:
        return False
    finally:
        assert (second.id in order._waitlist) != await order.event_has_been_seen(second)


@pytest.mark.parametrize(("ordering", "expected"), [(CausalOrdering, True), (memory.CausalOrdering, False)])
def test_an_event_is_processed_although_the_one_before_it_ends_meanwhile(
    ordering: type[memory.CausalOrdering], expected: bool
) -> None:
    assert asyncio.run(is_processed(ordering)) is expected, "once Prefect does it right, ours can be removed"


def test_an_event_waits_for_the_one_before_it() -> None:
    first, processed = event(), list[UUID]()
    second, order = event(first.id), CausalOrdering("waiting")

    async def process(received: ReceivedEvent, depth: int = 0) -> None:
        async with order.preceding_event_confirmed(process, received, depth):
            processed.append(received.id)

    async def deliver_in_reverse() -> None:
        with pytest.raises(EventArrivedEarly):
            await process(second)
        await process(first)

    asyncio.run(deliver_in_reverse())
    assert processed == [first.id, second.id]


def test_an_event_waits_at_most_a_minute_for_one_that_a_killed_server_has_processed() -> None:
    follower, order = event(uuid4()), CausalOrdering("restarted")

    async def is_accepted(received: ReceivedEvent) -> bool:
        try:
            await order.wait_for_leader(received)
        except EventArrivedEarly:
            return False
        return True

    async def lost() -> list[UUID]:
        return [waiting.id for waiting in await order.get_lost_followers()]

    assert asyncio.run(is_accepted(follower)) is False
    assert asyncio.run(lost()) == []
    order._waitlist[follower.id] -= timedelta(minutes=1)
    assert asyncio.run(lost()) == [follower.id]
    older = follower.model_copy(update={"received": follower.received - timedelta(minutes=1)})
    assert asyncio.run(is_accepted(older)) is True
