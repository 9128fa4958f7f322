"""One encounter at a time: each rival in turn, round after round, so that what the machine does meanwhile meets all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.loading import Load
from tests.bench.rivals import Arena, Memory, Rival

MANY, ONE = 64, 1
WARM_UP_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One rival in one round: with one connection, with many, and what it took after both."""

    one: Load
    many: Load
    memory: Memory


def rounds(
    arena: Arena, rivals: Sequence[Rival], times: int, seconds: int, say: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """The samples of each rival."""
    found: dict[str, list[Sample]] = {rival.name: [] for rival in rivals}
    for number in range(1, times + 1):
        for rival in rivals:
            made = _sample(arena, rival, seconds)
            found[rival.name].append(made)
            say(f"/predict, round {number}: {rival.name} {made.many.per_second:,.0f} a second")
    return found


def _sample(arena: Arena, rival: Rival, seconds: int) -> Sample:
    """One connection first: what many leave in a queue would stand in its way."""
    with arena.alone(rival):
        arena.load(rival, ONE, WARM_UP_SECONDS)
        one = arena.load(rival, ONE, seconds)
        many = arena.load(rival, MANY, seconds)
        return Sample(one, many, arena.memory(rival))


def middle(samples: Iterable[Sample]) -> Sample:
    """The median of each figure by itself."""
    found = list(samples)
    return Sample(
        one=middle_load(each.one for each in found),
        many=middle_load(each.many for each in found),
        memory=_middle_memory(each.memory for each in found),
    )


def middle_load(loads: Iterable[Load]) -> Load:
    found = list(loads)
    return Load(
        per_second=median(each.per_second for each in found),
        p50=median(each.p50 for each in found),
        p99=median(each.p99 for each in found),
    )


def _middle_memory(told: Iterable[Memory]) -> Memory:
    found = list(told)
    shares = [each.pss for each in found if each.pss is not None]
    return Memory(median(each.rss for each in found), median(shares) if shares else None)
