"""Readmissions by who the patients are and why they were there: counts alone, small ones together."""

from api.read_api.paging import Paging
from api.read_api.schemas import CountItem, StatisticsResponse
from readmit.core.suppression import FIELDS_COUNTED, SMALLEST, CountedGroup, grouped, protected
from readmit.io.database import readmission_counts


def statistics_told(paging: Paging, field: str | None, target: str) -> StatisticsResponse:
    """One page of the groups of one field, or of all."""
    fields = FIELDS_COUNTED if field is None else (field,)
    counts = readmission_counts.readmissions(fields, target)
    items = [_count(name, group) for name in fields for group in protected(grouped(name, counts[name]))]
    return StatisticsResponse(items=paging.cut(items), target=target, smallest=SMALLEST, **paging.of(len(items)))


def _count(field: str, group: CountedGroup) -> CountItem:
    rate = group.readmitted / group.encounters
    return CountItem(field, group.values, group.encounters, group.readmitted, rate)
