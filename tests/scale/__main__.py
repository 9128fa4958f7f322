"""`just ops::scale`: ingest a million synthetic encounters, train at several sizes, and write docs/scale.md.

It takes an hour or two on an idle machine with two cores, and 3 GB of disk.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from ec2_api.sample import SEED, write_sample
from readmit.embedded.stack import SERVICES, Stack, free_ports, running
from readmit.settings import Settings
from readmit.stacks.errors import StackError
from tests.bench.machine import processor_name
from tests.scale.measurement import KIB_PER_MB, Sample, folder_mb, measure_step
from tests.scale.page import Scale, page

PAGE = Path("docs/scale.md")
INGESTION = ("fetch", "store_raw", "clean", "store_clean", "split", "upload")
TRAINING = ("train", "register", "promote", "signal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement, write the page and return the exit code."""
    args = _parser().parse_args(arguments)
    if any(size % args.batch or size > args.encounters for size in args.train):
        _parser().error("--train: each size must be a multiple of --batch and at most --encounters")
    with tempfile.TemporaryDirectory(prefix="readmit-scale-") as parent:
        folder = args.folder or Path(parent)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            scale = _measure(folder, args.encounters, args.batch, args.train, args.sample)
        except StackError as error:
            print(error, file=sys.stderr)
            return 1
    args.out.write_text(page(scale), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="just ops::scale", description=__doc__)
    parser.add_argument("--encounters", type=int, default=1_000_000, help="encounters in all")
    parser.add_argument("--batch", type=int, default=100_000, help="encounters per batch")
    parser.add_argument("--train", type=int, nargs="+", default=[100_000, 300_000, 1_000_000], help="sizes to train at")
    parser.add_argument("--sample", type=Path, help="the encounters as a CSV; default: generate them")
    parser.add_argument("--folder", type=Path, help="folder of the stack, which is kept; default: a temporary one")
    parser.add_argument("--out", type=Path, default=PAGE, help=f"page to write; default: {PAGE}")
    return parser


def _measure(folder: Path, encounters: int, rows_per_batch: int, sizes: Sequence[int], sample: Path | None) -> Scale:
    machine = f"{processor_name()}, {os.cpu_count()} cores; load average at the start {os.getloadavg()[0]:.1f}"
    if sample is None:
        sample = folder / "sample.csv"
        write_sample(sample, encounters, SEED)
    variables = {
        "READMIT_DATA": str(sample.absolute()),
        "READMIT_SOURCE_BATCH_SIZE": str(rows_per_batch),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
    }
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    ingested: list[Sample] = []
    trained: list[Sample] = []
    with running(folder / "stack", ports, variables) as stack:
        disk = [(0, folder_mb(stack.folder))]
        for batch in range(1, encounters // rows_per_batch + 1):
            total = batch * rows_per_batch
            ingested += [_measured(stack, step, batch, total) for step in INGESTION]
            disk.append((total, folder_mb(stack.folder)))
            if total in sizes:
                trained += [_measured(stack, step, batch, total) for step in TRAINING]
        source_mb = _source_mb()
    settings = f"READMIT_TRAIN_MEMORY_MB is {Settings.model_fields['train_memory_mb'].default}."
    return Scale(machine, settings, ingested, trained, disk, source_mb, rows_per_batch)


def _measured(stack: Stack, step: str, batch: int, total: int) -> Sample:
    sample = measure_step(stack, step, batch, total)
    print(
        f"{step} of batch {batch}: {sample.seconds:.1f} s, CPU {sample.cpu_seconds:.1f} s, {sample.peak_mb:.0f} MB",
        flush=True,
    )
    return sample


def _source_mb() -> float:
    """Return the peak memory of the data API, a child of this process; on another system than Linux its present one."""
    children = psutil.Process().children(recursive=True)
    sources = [child for child in children if "ec2_api" in " ".join(child.cmdline())]
    return max(_peak_mb(source) for source in sources)


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status")
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(peak[1]) / KIB_PER_MB if peak else process.memory_info().rss / 1_000_000


if __name__ == "__main__":
    sys.exit(main())
