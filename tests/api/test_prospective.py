"""GET /prospective, and how often the test patients were consulted."""

from dataclasses import replace

from readmit.core.estimate import Estimate
from readmit.io.database import prospective_results
from tests.api.ledger_rows import store_verdict
from tests.api.test_read_api import Client, database, items, mlflow, reader
from tests.io.conftest import stub_server
from tests.prospective_examples import evaluation_on

__all__ = ["database", "mlflow", "reader", "stub_server"]


def test_evaluations_on_later_batches_are_listed_newest_first_with_their_intervals(reader: Client) -> None:
    for batch in (2, 3):
        prospective_results.store_evaluation(evaluation_on(batch), "0" * 64)
    newest, before = items(reader, "/prospective")
    assert (newest["batch"], newest["version"], newest["trained_on"], before["batch"]) == (3, "2", 2, 2)
    assert newest["figures"]["roc_auc"] == {"value": 0.6731, "low": 0.6584, "high": 0.6877}
    assert (newest["encounters"], newest["events"]) == (14_997, 1_603)
    answer = reader.get("/prospective?page=2&per_page=1").json()
    assert ([item["batch"] for item in answer["items"]], answer["pages"]) == ([2], 2)


def test_a_figure_that_is_undefined_is_null(reader: Client) -> None:
    undefined = Estimate(float("nan"), float("nan"), float("nan"))
    prospective_results.store_evaluation(replace(evaluation_on(2), roc_auc=undefined), "0" * 64)
    (item,) = items(reader, "/prospective")
    assert item["figures"]["roc_auc"] == {"value": None, "low": None, "high": None}


def test_a_version_carries_how_many_verdicts_have_used_the_test_patients(reader: Client) -> None:
    store_verdict("1", promoted=False)
    store_verdict("2")
    assert [item["consulted"] for item in items(reader, "/versions")] == [2, 1]
    assert reader.get("/versions/2").json()["consulted"] == 2


def test_a_version_without_a_verdict_has_not_consulted_them(reader: Client) -> None:
    store_verdict("2")
    assert [item["consulted"] for item in items(reader, "/versions")] == [1, None]
