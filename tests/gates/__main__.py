"""`just ops::gates-simulated`: how often the promotion gates refuse made models, written to docs/gates.md."""

import argparse
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.gates.made_models import CHALLENGERS, refusing_gates
from tests.gates.page import Share, page

PAGE = Path("docs/gates.md")
EQUAL_MODEL = next(iter(CHALLENGERS))
BATCHES = range(1, 7)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge every made model on many made test splits, and write the page."""
    parser = argparse.ArgumentParser(prog="just ops::gates-simulated", description=__doc__)
    parser.add_argument("--days", type=int, default=200, help="days with an equal model, for each size of test split")
    parser.add_argument("--days-of-others", type=int, default=50, help="days with each other model")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args(arguments)
    with ProcessPoolExecutor(args.processes) as pool:
        equal = [_share(pool, EQUAL_MODEL, batch, args.days) for batch in BATCHES]
        others = [_share(pool, name, BATCHES[-1], args.days_of_others) for name in CHALLENGERS if name != EQUAL_MODEL]
    PAGE.write_text(page(equal, others), encoding="utf-8")
    return 0


def _share(pool: ProcessPoolExecutor, name: str, batch: int, days: int) -> Share:
    refused = [gates for gates in pool.map(refusing_gates, repeat(name), repeat(batch), range(days)) if gates]
    share = Share(name, batch, days, len(refused), Counter(gate for gates in refused for gate in gates))
    print(f"{name}, batch {batch}: refused on {share.refused} of {days} days {dict(share.gates)}", flush=True)
    return share


if __name__ == "__main__":
    raise SystemExit(main())
