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


def test_an_explanation_lists_each_field_once_with_its_value_largest_first(client: Client) -> None:
    contributions = client.post(EXPLAIN, json=EXAMPLE).json()["explanation"]["contributions"]
    assert sorted(item["field"] for item in contributions) == sorted(FEATURES)
    values = {item["field"]: item["value"] for item in contributions}
    assert (values["age"], values["number_inpatient"], values["weight"], values["metformin"]) == (
        "[70-80)",
        2,
        None,
        "No",
    )
    sizes = [abs(item["contribution"]) for item in contributions]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


@pytest.mark.parametrize("model", ["served", "additive"])
def test_base_and_contributions_sum_to_the_score_and_the_score_is_the_probability(
    model_source: Any, settings: Settings, request: pytest.FixtureRequest, model: str
) -> None:
    model_source.promote(request.getfixturevalue(model))
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        prediction = client.post(EXPLAIN, json=EXAMPLE).json()
    explanation = prediction["explanation"]
    total = explanation["base"] + sum(item["contribution"] for item in explanation["contributions"])
    assert explanation["scale"] == "log-odds"
    assert total == pytest.approx(explanation["score"], abs=1e-6)
    assert 1 / (1 + math.exp(-explanation["score"])) == pytest.approx(prediction["probability"], abs=1e-6)


def test_the_response_is_the_same_except_for_its_explanation(client: Client) -> None:
    headers = {"X-Request-ID": "the-same"}
    explained = client.post(EXPLAIN, json=EXAMPLE, headers=headers).json()
    del explained["explanation"]
    assert explained == client.post("/predict", json=EXAMPLE, headers=headers).json()


def test_an_invalid_explain_parameter_is_rejected(client: Client) -> None:
    response = client.post("/predict?explain=maybe", json=EXAMPLE)
    assert response.status_code == 400
    assert "explain" in response.text
