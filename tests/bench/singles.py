"""Single predictions: the servers alternate in every round, so that disturbances affect all of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.loading import Load
from tests.bench.rivals import Memory, Server, ServerRunner

MANY, ONE = 64, 1
WARM_UP_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One server in one round: load with one and many connections, and the memory afterwards."""

    one: Load
    many: Load
    memory: Memory


def rounds(
    runner: ServerRunner, servers: Sequence[Server], count: int, seconds: int, report: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Return the samples by server."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for number in range(1, count + 1):
        for server in servers:
            sample = _sample(runner, server, seconds)
            samples[server.name].append(sample)
            report(f"/predict, round {number}: {server.name} {sample.many.per_second:,.0f} a second")
    return samples


def _sample(runner: ServerRunner, server: Server, seconds: int) -> Sample:
    """Measure one connection first: requests queued by many would delay it."""
    with runner.running(server):
        runner.load(server, ONE, WARM_UP_SECONDS)
        one = runner.load(server, ONE, seconds)
        many = runner.load(server, MANY, seconds)
        return Sample(one, many, runner.memory(server))


def median_sample(samples: Iterable[Sample]) -> Sample:
    """Return the median of each figure."""
    items = list(samples)
    return Sample(
        one=median_load(item.one for item in items),
        many=median_load(item.many for item in items),
        memory=_median_memory(item.memory for item in items),
    )


def median_load(loads: Iterable[Load]) -> Load:
    items = list(loads)
    return Load(
        per_second=median(item.per_second for item in items),
        p50=median(item.p50 for item in items),
        p99=median(item.p99 for item in items),
    )


def _median_memory(usages: Iterable[Memory]) -> Memory:
    items = list(usages)
    pss = [item.pss for item in items if item.pss is not None]
    return Memory(median(item.rss for item in items), median(pss) if pss else None)
