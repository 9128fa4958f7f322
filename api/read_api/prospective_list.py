"""Evaluations of production versions on later batches, from the database."""

from api.read_api.days import utc
from api.read_api.paging import Paging
from api.read_api.schemas import EstimateItem, ProspectiveItem, ProspectiveList
from readmit.core.estimate import Estimate
from readmit.core.verdict import finite_or_none
from readmit.io.database import prospective_results
from readmit.io.database.prospective_results import StoredEvaluation


def list_prospective(paging: Paging) -> ProspectiveList:
    """Return one page of the evaluations."""
    stored = prospective_results.list_evaluations()
    return ProspectiveList(items=[_item(entry) for entry in paging.slice(stored)], **paging.position(len(stored)))


def _item(stored: StoredEvaluation) -> ProspectiveItem:
    evaluation = stored.evaluation
    model = evaluation.model
    return ProspectiveItem(
        *(model.batch, model.version, model.target, model.trained_on, model.threshold),
        *(evaluation.encounters, evaluation.patients, evaluation.events),
        {name: _estimate(estimate) for name, estimate in evaluation.estimates().items()},
        utc(stored.evaluated_at),
    )


def _estimate(estimate: Estimate) -> EstimateItem:
    return EstimateItem(*(finite_or_none(number) for number in (estimate.value, estimate.low, estimate.high)))
