import math
from typing import Any

import pytest
from litestar.testing import TestClient

from api.app import create_app
from api.example import EXAMPLE
from api.fast_path import FastPath
from readmit.core.encounter import FEATURES
from readmit.settings import Settings
from tests.api.conftest import LOCAL

Client = TestClient[FastPath]
EXPLAIN = "/predict?explain=true"


def test_an_explanation_names_each_field_once_with_its_value_greatest_first(client: Client) -> None:
    found = client.post(EXPLAIN, json=EXAMPLE).json()["explanation"]
    assert sorted(each["field"] for each in found["contributions"]) == sorted(FEATURES)
    values = {each["field"]: each["value"] for each in found["contributions"]}
    assert (values["age"], values["number_inpatient"], values["weight"], values["metformin"]) == (
        "[70-80)",
        2,
        None,
        "No",
    )
    sizes = [abs(each["contribution"]) for each in found["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


@pytest.mark.parametrize("model", ["served", "additive"])
def test_base_and_contributions_sum_to_the_score_and_the_score_is_the_probability(
    shelf: Any, settings: Settings, request: pytest.FixtureRequest, model: str
) -> None:
    shelf.promote(request.getfixturevalue(model))
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        answer = client.post(EXPLAIN, json=EXAMPLE).json()
    found = answer["explanation"]
    total = found["base"] + sum(each["contribution"] for each in found["contributions"])
    assert found["scale"] == "log-odds"
    assert total == pytest.approx(found["score"], abs=1e-6)
    assert 1 / (1 + math.exp(-found["score"])) == pytest.approx(answer["probability"], abs=1e-6)


def test_the_answer_is_the_same_but_for_its_explanation(client: Client) -> None:
    headers = {"X-Request-ID": "the-same"}
    explained = client.post(EXPLAIN, json=EXAMPLE, headers=headers).json()
    del explained["explanation"]
    assert explained == client.post("/predict", json=EXAMPLE, headers=headers).json()


def test_what_is_neither_yes_nor_no_is_a_fault_of_the_request(client: Client) -> None:
    response = client.post("/predict?explain=maybe", json=EXAMPLE)
    assert response.status_code == 400
    assert "explain" in response.text
