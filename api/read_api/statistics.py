"""Readmission counts by patient group and diagnosis, with small groups merged."""

from api.read_api.paging import Paging
from api.read_api.schemas import CountItem, StatisticsResponse
from readmit.core.suppression import FIELDS_COUNTED, MIN_CELL_SIZE, CountedGroup, suppress_small_cells, to_groups
from readmit.io.database import readmission_counts


def list_statistics(paging: Paging, field: str | None, target: str) -> StatisticsResponse:
    """Return one page of the groups of one field, or of all."""
    fields = FIELDS_COUNTED if field is None else (field,)
    counts = readmission_counts.query_readmissions(fields, target)
    items = [_count(name, group) for name in fields for group in suppress_small_cells(to_groups(name, counts[name]))]
    return StatisticsResponse(
        items=paging.slice(items), target=target, smallest=MIN_CELL_SIZE, **paging.position(len(items))
    )


def _count(field: str, group: CountedGroup) -> CountItem:
    rate = group.readmitted / group.encounters
    return CountItem(field, group.values, group.encounters, group.readmitted, rate)
