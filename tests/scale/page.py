"""docs/scale.md: tables of the samples, the exponents with their bars, and what breaks first."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from readmit.pipeline import BY_NAME
from tests.scale.measurement import Sample, at_limit, exponent

MEMORY_MB = 16_000
"""Memory of a usual laptop."""
SOURCE_LIMIT_MB = 2_000
"""Limit of the data API in compose/ec2-api.yaml."""
FLAT, LINEAR, TOLERANCE = 0.0, 1.0, 0.1


@dataclass(frozen=True, slots=True)
class Scale:
    """One run: `disk_mb` by the number of encounters ingested, `trained` the samples of training steps."""

    machine: str
    settings: str
    ingested: Sequence[Sample]
    trained: Sequence[Sample]
    disk_mb: Sequence[tuple[int, float]]
    source_mb: float
    rows_per_batch: int


def page(scale: Scale) -> str:
    """Return the page."""
    return "\n".join(_lines(scale)) + "\n"


def _lines(scale: Scale) -> Iterator[str]:
    total = max(sample.encounters for sample in scale.ingested)
    yield "# Ten times the data"
    yield ""
    yield (
        f"`just ops::scale` generates {total:,} synthetic encounters, ingests them in batches of "
        f"{scale.rows_per_batch:,} on the embedded stack, and trains at several sizes. Each step is a process of its "
        "own; seconds are those of the ledger, CPU seconds and peak memory (RSS) those of its process, with its start."
    )
    yield ""
    yield f"Machine: {scale.machine}. On a busy machine only the CPU seconds compare. {scale.settings}"
    yield from _section("Ingestion", "per batch", scale.ingested, "flat per batch", FLAT)
    yield from _section("Training", "on all encounters until then", scale.trained, "at most linear", LINEAR)
    yield from _left_out(scale.trained)
    yield from _disk(scale)
    yield from _breaks(scale)


def _section(title: str, what: str, samples: Sequence[Sample], bar_name: str, bar: float) -> Iterator[str]:
    """Yield a table with a row per step and a column group per size; ingestion shows its first and last sizes."""
    sizes = sorted({sample.encounters for sample in samples})
    shown = sizes if len(sizes) <= 3 else [sizes[0], sizes[len(sizes) // 2], sizes[-1]]
    yield from ("", f"## {title}, {what}", "")
    yield f"Seconds / CPU seconds / peak MB. Exponent of the CPU seconds; the bar is {bar_name}: {bar:g}."
    yield ""
    yield "| step | " + " | ".join(f"{size:,}" for size in shown) + " | exponent | bar |"
    yield "|---|" + "---|" * (len(shown) + 2)
    for step in dict.fromkeys(sample.step for sample in samples):
        by_size = {sample.encounters: sample for sample in samples if sample.step == step}
        cells = " | ".join(_cell(by_size[size]) for size in shown)
        # A size with fewer candidates is no larger training.
        comparable = {size: sample for size, sample in by_size.items() if "left_out" not in sample.facts}
        slope = exponent([(size, sample.cpu_seconds) for size, sample in comparable.items()])
        verdict = "held" if slope <= bar + TOLERANCE else "missed"
        yield f"| `{step}` | {cells} | {slope:.2f} | {verdict} |"


def _cell(sample: Sample) -> str:
    return f"{sample.seconds:.1f} / {sample.cpu_seconds:.1f} / {sample.peak_mb:,.0f}"


def _left_out(trained: Sequence[Sample]) -> Iterator[str]:
    for sample in trained:
        if (left_out := sample.facts.get("left_out")) is not None:
            yield from (
                "",
                f"At {sample.encounters:,} encounters `train` left out {left_out}; its exponent is without.",
            )


def _disk(scale: Scale) -> Iterator[str]:
    per_batch = [after - before for (_, before), (_, after) in pairwise(scale.disk_mb)]
    yield from ("", "## Disk", "")
    yield (
        f"{scale.disk_mb[-1][1]:,.0f} MB in all: databases, S3 and MLflow. A batch of {scale.rows_per_batch:,} adds "
        f"{min(per_batch):,.0f} to {max(per_batch):,.0f} MB, {1000 * max(per_batch) / scale.rows_per_batch:.1f} KB per "
        "encounter at most."
    )


def _breaks(scale: Scale) -> Iterator[str]:
    yield from ("", "## What breaks first beyond", "")
    limits = sorted(_limits(scale))
    where, reason = limits[0]
    yield (
        f"By the straight line through the smallest and the largest size: {reason} at about {_millions(where)}. "
        f"Then: {'; '.join(f'{reason} at {_millions(where)}' for where, reason in limits[1:4])}."
    )
    total = max(sample.encounters for sample in scale.ingested)
    yield ""
    limit = _millions(total * SOURCE_LIMIT_MB / scale.source_mb)
    yield (
        f"The data API takes {scale.source_mb:,.0f} MB when it starts with {total:,} encounters: in containers, where "
        f"it has {SOURCE_LIMIT_MB:,} MB, it is the first to break, at about {limit}."
    )


def _limits(scale: Scale) -> Iterator[tuple[float, str]]:
    """Yield the number of encounters at which a step reaches its timeout or the memory, and which it is."""
    samples = (*scale.ingested, *scale.trained)
    for step in dict.fromkeys(sample.step for sample in samples):
        of_step = [sample for sample in samples if sample.step == step]
        seconds = [(sample.encounters, sample.seconds) for sample in of_step]
        peaks = [(sample.encounters, sample.peak_mb) for sample in of_step]
        timeout = BY_NAME[step].timeout_seconds
        yield at_limit(seconds, timeout), f"`{step}` reaches its timeout of {timeout:,} s"
        yield at_limit(peaks, MEMORY_MB), f"`{step}` takes {MEMORY_MB:,} MB"
    total = max(sample.encounters for sample in scale.ingested)
    yield (
        total * MEMORY_MB / scale.source_mb,
        f"the data API, which reads all encounters at its start, takes {MEMORY_MB:,} MB",
    )


def _millions(encounters: float) -> str:
    return "no size" if math.isinf(encounters) else f"{encounters / 1_000_000:,.1f} million encounters"
