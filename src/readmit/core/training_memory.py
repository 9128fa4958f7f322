"""The memory that a training takes, from its number of encounters: which candidates fit into it, and how many at once.

The figures were measured on one million encounters; docs/scale.md has those of the last run.
"""

from collections.abc import Sequence

from readmit.core.model import Candidate

PROCESS_MB = 350
"""Memory of a process with all libraries loaded."""
BYTES_PER_ENCOUNTER = 400
"""Memory of an encounter in a dataset."""
MB = 1_000_000


def within_memory(candidates: Sequence[Candidate], rows: int, fitted_rows: int, memory_mb: int) -> list[Candidate]:
    """Return the candidates that can be fitted, each alone, in the memory; if there is none, the one that takes least.

    `rows`: encounters in memory, of which the candidates are fitted on `fitted_rows`.
    """
    left = _left_for_fits(rows, memory_mb)
    fitting = [candidate for candidate in candidates if candidate.bytes_per_row * fitted_rows <= left]
    return fitting or [min(candidates, key=lambda candidate: candidate.bytes_per_row)]


def fits_at_once(candidates: Sequence[Candidate], rows: int, fitted_rows: int, memory_mb: int, most: int) -> int:
    """Return how many of the candidates can be fitted at the same time in the memory, from 1 to `most`."""
    left, largest = _left_for_fits(rows, memory_mb), sorted((each.bytes_per_row for each in candidates), reverse=True)
    return max((count for count in range(1, most + 1) if sum(largest[:count]) * fitted_rows <= left), default=1)


def _left_for_fits(rows: int, memory_mb: int) -> int:
    return (memory_mb - PROCESS_MB) * MB - rows * BYTES_PER_ENCOUNTER
